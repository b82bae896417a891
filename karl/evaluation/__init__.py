"""How good the predictions are, how diverse the training set is, and the record of both."""
