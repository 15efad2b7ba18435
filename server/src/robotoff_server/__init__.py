"""The HTTP API of Robotoff: insights, questions, answers, and a start page."""
