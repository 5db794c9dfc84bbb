// Microsoft's JavaScript client on Node:
//
//     graph_client.mjs read            reads everybody at home, keeps who is in scope as the target should have them
//     graph_client.mjs plan            reads both tenants, and counts what would have to be written
//     graph_client.mjs remember FILE   the same, and keeps the replica of both in a file
//     graph_client.mjs cycle FILE      loads it, asks both tenants what has changed, and counts what would have to be written
//     graph_client.mjs invite          reads both tenants, then invites and fills in who has no account in the target
//
// What it does not do: its file is no durable store (a kill in the middle of writing it loses it), it has no change log, asks no
// quota, and takes absence for deletion.
//
// What it writes is what crosstie writes, one request after the other: an invitation without a mail, and one change of what the
// invitation cannot say. Whom a tenant refuses for the moment, the client's own handler asks again when it has said, three times
// at the most.
import { createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Client, HTTPMessageHandler, RetryHandler, RetryHandlerOptions } from "@microsoft/microsoft-graph-client";

const { ROOT, SELECT, SECRET } = process.env;
const COPIED = ["displayName", "givenName", "surname", "jobTitle", "companyName", "employeeId", "employeeType", "city", "country",
  "postalCode", "streetAddress", "officeLocation", "mobilePhone", "preferredLanguage"];

async function connect(which) {
  const form = new URLSearchParams({
    grant_type: "client_credentials", client_id: process.env[`${which}_CLIENT`], client_secret: SECRET,
    scope: "https://graph.microsoft.com/.default",
  });
  const answer = await fetch(`${ROOT}/${process.env[`${which}_TENANT`]}/oauth2/v2.0/token`, { method: "POST", body: form });
  const bearer = new Bearer((await answer.json()).access_token);
  const retry = new RetryHandler(new RetryHandlerOptions());
  bearer.setNext(retry);
  retry.setNext(new HTTPMessageHandler());
  return Client.initWithMiddleware({ baseUrl: ROOT, defaultVersion: "v1.0", middleware: bearer });
}

// The client's own handler sends no token over plain http, and the simulated tenants have nothing else.
class Bearer {
  constructor(token) { this.token = token; }
  setNext(next) { this.next = next; }
  async execute(context) {
    context.options.headers = { ...context.options.headers, Authorization: `Bearer ${this.token}` };
    await this.next.execute(context);
  }
}

async function* pages(which, link) {
  const client = await connect(which);
  let next = link ?? `/users/delta?$select=${SELECT}`;
  while (next) {
    // It takes whole addresses with https only.
    const page = await client.api(next.replace(`${ROOT}/v1.0`, "")).get();
    yield page;
    next = page["@odata.nextLink"];
  }
}

const inScope = (user) => user.accountEnabled === true && ["Teacher", "Staff"].includes(user.employeeType);

function mapped(user) {
  const wanted = {};
  for (const name of COPIED) wanted[name] = user[name];
  wanted.department = `North - ${user.department}`;
  return wanted;
}

async function readHome() {
  let count = 0;
  for await (const page of pages("HOME")) {
    for (const user of page.value) {
      if (inScope(user)) {
        mapped(user);
        count += 1;
      }
    }
  }
  return count;
}

async function replica() {
  const known = { HOME: new Map(), TARGET: new Map() };
  const links = {};
  for (const which of ["HOME", "TARGET"]) {
    for await (const page of pages(which)) {
      for (const user of page.value) known[which].set(user.id, user);
      links[which] = page["@odata.deltaLink"];
    }
  }
  return { known, links };
}

function differences(people, target) {
  const byMail = new Map();
  for (const user of target.values()) if (user.mail) byMail.set(user.mail, user);
  let [made, changed] = [0, 0];
  for (const user of people) {
    if (!inScope(user)) continue;
    const wanted = mapped(user);
    const account = byMail.get(user.mail);
    if (!account) made += 1;
    else if (Object.entries(wanted).some(([name, value]) => account[name] !== value)) changed += 1;
  }
  return `${made} ${changed}`;
}

async function invite() {
  const { known } = await replica();
  const mails = new Set([...known.TARGET.values()].map((user) => user.mail));
  const client = await connect("TARGET");
  let count = 0;
  for (const user of known.HOME.values()) {
    if (!inScope(user) || mails.has(user.mail)) continue;
    const { displayName, ...rest } = mapped(user);
    const { invitedUser } = await client.api("/invitations").post({
      invitedUserEmailAddress: user.mail, invitedUserDisplayName: displayName, invitedUserType: "Member",
      inviteRedirectUrl: "https://myapplications.microsoft.com", sendInvitationMessage: false,
    });
    await client.api(`/users/${invitedUser.id}`).patch(rest);
    count += 1;
  }
  return count;
}

// One user a line: a million of them in one text are more than a string may hold.
async function keep(path, { known, links }) {
  const out = createWriteStream(path);
  const say = async (line) => { if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, "drain"); };
  await say(links);
  for (const which of ["HOME", "TARGET"]) for (const user of known[which].values()) await say([which, user]);
  out.end();
  await once(out, "finish");
}

async function load(path) {
  const known = { HOME: new Map(), TARGET: new Map() };
  let links;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const read = JSON.parse(line);
    if (links) known[read[0]].set(read[1].id, read[1]);
    else links = read;
  }
  return { known, links };
}

async function cycle(path) {
  const { known, links } = await load(path);
  const news = [];
  for (const which of ["HOME", "TARGET"]) {
    for await (const page of pages(which, links[which])) {
      for (const user of page.value) {
        if (user["@removed"]) known[which].delete(user.id);
        else {
          const now = { ...known[which].get(user.id), ...user };
          known[which].set(user.id, now);
          if (which === "HOME") news.push(now);
        }
      }
      links[which] = page["@odata.deltaLink"];
    }
  }
  const found = news.length ? differences(news, known.TARGET) : "0 0";
  if (news.length) await keep(path, { known, links });
  return found;
}

const [word, path] = process.argv.slice(2);
switch (word) {
  case "read": console.log(await readHome()); break;
  case "plan": {
    const { known } = await replica();
    console.log(differences(known.HOME.values(), known.TARGET));
    break;
  }
  case "remember": await keep(path, await replica()); break;
  case "cycle": console.log(await cycle(path)); break;
  case "invite": console.log(await invite()); break;
  default: console.error(`no such word: ${word}`); process.exit(64);
}
