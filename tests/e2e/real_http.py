#!/usr/bin/env python3
"""nginx and curl through the tunnel: pages, ranges, uploads, kept connections, many at a time."""
import hashlib
import os
import subprocess

from harness import Scene, eventually, free_port, is_refused, need, noise, parallel

NGINX, CURL = need("nginx", "curl")

with Scene(network=True) as scene:
    service_port = free_port()
    page = noise(5_000_000)
    scene.file("page", page, 0o644)
    os.chmod(scene.folder, 0o755)
    os.mkdir(scene.folder + "/up")
    config = scene.file("nginx.conf", f"""
        user root; daemon off; master_process off; pid {scene.folder}/nginx.pid; error_log stderr;
        events {{ worker_connections 512; }}
        http {{
            access_log off; client_max_body_size 20m; root {scene.folder};
            client_body_temp_path {scene.folder}/body; proxy_temp_path {scene.folder}/t1;
            fastcgi_temp_path {scene.folder}/t2; uwsgi_temp_path {scene.folder}/t3; scgi_temp_path {scene.folder}/t4;
            server {{
                listen 127.0.0.1:{service_port};
                location /up/ {{ dav_methods PUT; }}
            }}
        }}""", 0o644)
    scene.start("nginx", NGINX, "-c", config, "-p", scene.folder, "-e", "stderr")
    eventually(lambda: not is_refused(service_port), "nginx listens")
    server = scene.server()
    client = scene.client(service_port, server)
    url = f"http://127.0.0.1:{client.public_port()}"

    def curl(*arguments):
        return subprocess.run([CURL, "-sSf", "--noproxy", "*", "--max-time", "60", *arguments], check=True,
                              capture_output=True).stdout

    def gets():
        assert curl(f"{url}/page") == page
        assert curl("-r", "1000000-1999999", f"{url}/page") == page[1_000_000:2_000_000]

    def puts():
        data = noise(10_000_000, "up")
        path = scene.file("upload", data)
        curl("-T", path, f"{url}/up/load")
        with open(scene.folder + "/up/load", "rb") as file:
            assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()

    def keeps():
        """One connection, many requests"""
        out = curl("-w", "%{num_connects}\n", *[word for _ in range(100) for word in ("-o", "/dev/null", f"{url}/nginx.conf")])
        assert out.split() == [b"1"] + [b"0"] * 99, out

    def many():
        urls = [word for number in range(60) for word in ("-o", f"{scene.folder}/got{number}", f"{url}/page?{number}")]
        curl("--no-keepalive", "-Z", "--parallel-max", "30", "-H", "Connection: close", *urls)
        for number in range(60):
            with open(f"{scene.folder}/got{number}", "rb") as file:
                assert file.read() == page

    parallel(gets, puts, keeps, many)
