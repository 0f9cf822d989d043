"""What the library and its commands say in English, in the language of the page."""
