import socket
import urllib.request

import pytest


def test_a_connection_to_another_machine_is_refused():
    with socket.socket() as client, pytest.raises(RuntimeError, match="tried to reach 192.0.2.1"):
        client.connect(("192.0.2.1", 80))


def test_a_name_of_another_machine_is_not_looked_up():
    with pytest.raises(RuntimeError, match="tried to reach example.com"):
        urllib.request.urlopen("http://example.com")


def test_loopback_works():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            connection, _ = server.accept()
            with connection:
                client.sendall(b"x")
                assert connection.recv(1) == b"x"
