"""From a prompt to streamed text: generators behind one protocol."""
