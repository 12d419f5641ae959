"""What the platform does for itself: forgetting, erasing, exporting, telling whether it is well."""
