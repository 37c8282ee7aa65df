"""Intent in real time: state, guards, policies and their replay."""
