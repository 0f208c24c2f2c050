"""Wire types of kubevirt.io/v1, the lens, scalars and the schema generator. Pure."""
