"""Who may use the page, and how much: login, rate limit, and checks of where a request comes from."""
