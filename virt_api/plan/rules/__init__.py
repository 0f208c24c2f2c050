"""The rules of a VMI spec, by subject; `order` puts them in the sequence in which a user meets them."""
