"""Write SQL of the order service: arrays and few statements; one module an aggregate."""
