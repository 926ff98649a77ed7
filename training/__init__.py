"""What is fitted rather than written: models of the library, on digital heads. No job of the workflow needs it."""
