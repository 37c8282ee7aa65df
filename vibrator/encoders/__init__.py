"""From words to vectors: the models behind one port."""
