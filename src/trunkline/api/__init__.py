"""The JSON edge: thin endpoints over the workflows."""
