"""The HTTP and GraphQL side of m7b0: the schema, its resolvers, and the application that serves them."""
