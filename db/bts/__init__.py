"""The on-time files of the US Bureau of Transportation Statistics: reading, converting and loading them."""
