"""What an administrator writes in an afternoon: plain Python with httpx.

    plain_httpx.py read            reads everybody at home, keeps who is in scope as the target should have them
    plain_httpx.py plan            reads both tenants, and counts what would have to be written
    plain_httpx.py remember FILE   the same, and keeps the replica of both in a file
    plain_httpx.py cycle FILE      loads it, asks both tenants what has changed, and counts what would have to be written
    plain_httpx.py invite          reads both tenants, then invites and fills in who has no account in the target
    plain_httpx.py repair          the same, and fills in whose account differs

What it does not do: its file is no durable store (a kill in the middle of writing it loses it), it has no change log, asks no
quota, takes absence for deletion, and follows whatever link it is given, token included. What it asks for is what crosstie
asks for: the same properties, the same pages.

What it writes is what crosstie writes, one request after the other: an invitation without a mail, and one change of what the
invitation cannot say. A tenant that refuses for the moment is asked again when it has said. It keeps no note of what it has
written: who has an account is what it reads at its start.
"""
import json
import os
import sys
import time

import httpx

ROOT, SELECT = os.environ["ROOT"], os.environ["SELECT"]
COPIED = ["displayName", "givenName", "surname", "jobTitle", "companyName", "employeeId", "employeeType", "city", "country",
          "postalCode", "streetAddress", "officeLocation", "mobilePhone", "preferredLanguage"]


def token(client, which):
    form = {"grant_type": "client_credentials", "client_id": os.environ[f"{which}_CLIENT"],
            "client_secret": os.environ["SECRET"], "scope": "https://graph.microsoft.com/.default"}
    return client.post(f"{ROOT}/{os.environ[f'{which}_TENANT']}/oauth2/v2.0/token", data=form).json()["access_token"]


def pages(client, which, link=None):
    headers = {"Authorization": f"Bearer {token(client, which)}"}
    url = link or f"{ROOT}/v1.0/users/delta?$select={SELECT}"
    while url:
        answer = client.get(url, headers=headers)
        answer.raise_for_status()
        page = answer.json()
        yield page
        url = page.get("@odata.nextLink")


def in_scope(user):
    return user.get("accountEnabled") is True and user.get("employeeType") in ("Teacher", "Staff")


def mapped(user):
    wanted = {name: user.get(name) for name in COPIED}
    wanted["department"] = f"North - {user.get('department')}"
    return wanted


def read_home(client):
    count = 0
    for page in pages(client, "HOME"):
        for user in page["value"]:
            if in_scope(user):
                mapped(user)
                count += 1
    return count


def replica(client):
    home, target, links = {}, {}, {}
    for which, known in (("HOME", home), ("TARGET", target)):
        for page in pages(client, which):
            for user in page["value"]:
                known[user["id"]] = user
            links[which] = page.get("@odata.deltaLink")
    return home, target, links


def differences(people, target):
    by_mail = {user["mail"]: user for user in target.values() if user.get("mail")}
    made = changed = 0
    for user in people:
        if not in_scope(user):
            continue
        wanted, account = mapped(user), by_mail.get(user["mail"])
        if account is None:
            made += 1
        elif any(account.get(name) != value for name, value in wanted.items()):
            changed += 1
    return made, changed


def write(client, headers, method, path, body):
    while True:
        answer = client.request(method, f"{ROOT}/v1.0/{path}", headers=headers, json=body)
        if answer.status_code != 429:
            return answer.raise_for_status()
        time.sleep(float(answer.headers["Retry-After"]))


def invited(client, headers, user):
    invitation = {"invitedUserEmailAddress": user["mail"], "invitedUserDisplayName": user["displayName"],
                  "invitedUserType": "Member", "inviteRedirectUrl": "https://myapplications.microsoft.com",
                  "sendInvitationMessage": False}
    account = write(client, headers, "POST", "invitations", invitation).json()["invitedUser"]
    # The invitation has said it.
    return account | {"displayName": user["displayName"]}


def provision(client, repairs):
    home, target, _ = replica(client)
    by_mail = {user["mail"]: user for user in target.values() if user.get("mail")}
    headers = {"Authorization": f"Bearer {token(client, 'TARGET')}"}
    count = 0
    for user in filter(in_scope, home.values()):
        account = by_mail.get(user["mail"])
        if account and not repairs:
            continue
        account = account or invited(client, headers, user)
        differs = {name: value for name, value in mapped(user).items() if account.get(name) != value}
        if differs:
            write(client, headers, "PATCH", f"users/{account['id']}", differs)
            count += 1
    return count


def cycle(client, path):
    with open(path) as file:
        home, target, links = json.load(file)
    news = []
    for which, known in (("HOME", home), ("TARGET", target)):
        for page in pages(client, which, links[which]):
            for user in page["value"]:
                if "@removed" in user:
                    known.pop(user["id"], None)
                else:
                    known.setdefault(user["id"], {}).update(user)
                    if which == "HOME":
                        news.append(known[user["id"]])
            links[which] = page.get("@odata.deltaLink")
    found = differences(news, target) if news else (0, 0)
    if news:
        with open(path, "w") as file:
            json.dump([home, target, links], file)
    return found


with httpx.Client(timeout=600) as client:
    match sys.argv[1:]:
        case ["read"]:
            print(read_home(client))
        case ["plan"]:
            home, target, _ = replica(client)
            print(*differences(home.values(), target))
        case ["remember", path]:
            with open(path, "w") as file:
                json.dump(replica(client), file)
        case ["cycle", path]:
            print(*cycle(client, path))
        case ["invite" | "repair" as word]:
            print(provision(client, word == "repair"))
        case other:
            sys.exit(f"no such word: {other}")
