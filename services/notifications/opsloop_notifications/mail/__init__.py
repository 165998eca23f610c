"""The way out for mail: written without a parser of headers, handed to the server over connections that are kept."""
