"""Labels: certifications and claims printed on the package."""
