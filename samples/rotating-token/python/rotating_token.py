"""A worker's client whose token is replaced at two thirds of its life."""

import asyncio, base64, json, urllib.parse, urllib.request
from temporalio.client import Client


def ask(endpoint: str, account: str, key: str) -> dict:
    basic = base64.b64encode(f"{urllib.parse.quote(account, safe='')}:{urllib.parse.quote(key, safe='')}".encode()).decode()
    request = urllib.request.Request(endpoint, b"grant_type=client_credentials", {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


async def keep_fresh(client: Client, token: dict, endpoint: str, account: str, key: str) -> None:
    while True:
        await asyncio.sleep(token["expires_in"] * 0.66)
        try:
            token = await asyncio.to_thread(ask, endpoint, account, key)
            client.api_key = token["access_token"]
        except OSError as e:
            print(f"The old token serves on: {e}")
            token = {"expires_in": 1}


# token = ask(endpoint, account, key)
# client = await Client.connect("postern.example.com:7233", namespace="payments", api_key=token["access_token"], tls=True)
# fresh = asyncio.create_task(keep_fresh(client, token, endpoint, account, key))
