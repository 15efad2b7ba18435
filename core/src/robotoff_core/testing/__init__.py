"""For plugin authors and for our own tests: fixtures, fakes, real services and the conformance kit."""
