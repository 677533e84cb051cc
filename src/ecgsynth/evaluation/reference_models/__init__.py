"""Fixed networks by which sets are judged: classifiers, embeddings, the delineator."""
