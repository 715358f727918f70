"""`python -m ml.benchmark`: the model beside its baselines on files of anybody's, with seconds and memory."""
