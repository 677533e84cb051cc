"""Privacy: does the set reveal the people in the training data?"""
