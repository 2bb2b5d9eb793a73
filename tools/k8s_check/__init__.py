"""The Kubernetes manifests: what is derived from the code, and the check of everything that is rendered from them."""
