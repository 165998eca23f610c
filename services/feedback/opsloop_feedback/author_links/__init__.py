"""Author links: what the links of pages for authors carry, which nobody else can make up."""
