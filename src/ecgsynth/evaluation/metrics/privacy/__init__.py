"""Does the set give away the people that it was learned from?"""
