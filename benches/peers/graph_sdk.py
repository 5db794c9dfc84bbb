"""Microsoft's Python SDK, used as its documentation shows: reads everybody at home and keeps who is in scope as the target
should have them.

What it does not do: it stores nothing, has no change log and asks no quota. Its own middleware retries and follows redirects.
"""
import asyncio
import os

import httpx
from kiota_abstractions.authentication import AuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder

ROOT, SELECT = os.environ["ROOT"], os.environ["SELECT"].split(",")
COPIED = ["display_name", "given_name", "surname", "job_title", "company_name", "employee_id", "employee_type", "city",
          "country", "postal_code", "street_address", "office_location", "mobile_phone", "preferred_language"]


class Bearer(AuthenticationProvider):
    """The simulator's token; the SDK's own providers want https."""

    async def authenticate_request(self, request, additional_authentication_context=None):
        request.headers.add("Authorization", f"Bearer {self.token}")

    def __init__(self):
        form = {"grant_type": "client_credentials", "client_id": os.environ["HOME_CLIENT"],
                "client_secret": os.environ["SECRET"], "scope": "https://graph.microsoft.com/.default"}
        answer = httpx.post(f"{ROOT}/{os.environ['HOME_TENANT']}/oauth2/v2.0/token", data=form)
        self.token = answer.json()["access_token"]


async def main():
    adapter = GraphRequestAdapter(Bearer())
    client = GraphServiceClient(request_adapter=adapter)
    adapter.base_url = f"{ROOT}/v1.0"
    query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=SELECT)
    page = await client.users.delta.get(RequestConfiguration(query_parameters=query))
    count = 0
    while page:
        for user in page.value:
            if user.account_enabled and user.employee_type in ("Teacher", "Staff"):
                wanted = {name: getattr(user, name) for name in COPIED}
                wanted["department"] = f"North - {user.department}"
                count += 1
        link = page.odata_next_link
        page = await client.users.delta.with_url(link).get() if link else None
    print(count)


asyncio.run(main())
