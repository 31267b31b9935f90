"""The rating page: a web server for one machine, and the page that it serves."""
