"""The lab: the network of the fictitious client Harbour Dental, made of podman containers."""
