"""Schema changes, one file each, applied by `trunkline.db.migrate`."""
