//! Do the client and the simulated directory understand each other? In process, under time that stands still.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod graph_support;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use crosstie::config::Tenant;
use crosstie::graph::{
    GraphClient, GraphWriter, Limits, Proof, RequestIds, RouterTransport, Transport, TransportError,
};
use crosstie::model::{Cursor, Edit, Edits, NamedGroup, News, ObjectId, Removal, Then, Timestamp};
use crosstie::ports::{DirectoryRead, DirectoryWrite, Invitation, Look, MemberOf, Retry, Write, Written};
use crosstie::sim::{App, Effect, Fault, Group, Kind, TenantSpec, World, router};
use graph_support::{JumpingClock, ROOT, SECRET, TENANT_ID, selection, tenant_at};
use http::{Request, Response};
use serde_json::{Value, json};

const NOW: u64 = 1_795_322_112_000;
const CLIENT: &str = "0b9b0d64-0000-4000-8000-000000000001";

/// The simulator in process. What a request was reckoned to cost is what the simulator says that it did cost.
#[derive(Clone)]
struct Weighing {
    router: RouterTransport,
    /// The shapes of what was read: paths without ids, with the names of their options.
    read: Rc<RefCell<BTreeSet<String>>>,
}

impl Weighing {
    fn weigh(&self, address: &str, told: &str) {
        assert_eq!(crosstie::graph::read_units(address).to_string(), told, "{address}");
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let path = path.split("/v1.0").last().unwrap().split('/').map(|s| if s.len() == 36 { "ID" } else { s });
        let options = query.split('&').map(|o| o.split('=').next().unwrap().replace("%24", "$"));
        let shape = format!("{} {}", path.collect::<Vec<_>>().join("/"), options.collect::<Vec<_>>().join(" "));
        self.read.borrow_mut().insert(shape.trim_end().to_owned());
    }
}

impl Transport for Weighing {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        let (method, address, asked) = (request.method().clone(), request.uri().to_string(), request.body().clone());
        let answer = self.router.send(request, limits).await?;
        if address.ends_with("/$batch") && answer.status() == 200 {
            let [asked, got] = [&asked, answer.body()].map(|b| serde_json::from_slice::<Value>(b).unwrap());
            for item in asked["requests"].as_array().unwrap() {
                let mut replies = got["responses"].as_array().unwrap().iter();
                let reply = replies.find(|r| r["id"] == item["id"]).unwrap();
                self.weigh(item["url"].as_str().unwrap(), reply["headers"]["x-ms-resource-unit"].as_str().unwrap());
            }
        } else if let Some(told) = answer.headers().get("x-ms-resource-unit") {
            match method.as_str() {
                "GET" => self.weigh(&address, told.to_str().unwrap()),
                _ => assert_eq!(told, "1", "every write costs one"),
            }
        }
        Ok(answer)
    }
}

struct Bench {
    world: Arc<World>,
    writer: GraphWriter<Weighing, JumpingClock>,
    read: Rc<RefCell<BTreeSet<String>>>,
}

fn bench() -> Bench {
    let world = Arc::new(World::new(Arc::new(|| Timestamp(NOW)), 1));
    let roles = ["User.Invite.All", "User.ReadWrite.All", "GroupMember.Read.All", "Directory.Read.All"];
    let roles = roles.map(str::to_owned).to_vec();
    let app = App { client_id: CLIENT.to_owned(), secret: SECRET.to_owned(), roles, ..App::default() };
    let spec = TenantSpec {
        id: TENANT_ID.to_owned(),
        display_name: "Hub".to_owned(),
        initial_domain: "hub.onmicrosoft.example".to_owned(),
        domains: vec!["hub.example".to_owned()],
        extensions: Vec::new(),
        contacts: Default::default(),
        change: 0,
        apps: vec![app],
        settings: Default::default(),
    };
    world.add_tenant("hub", spec);
    world.tenant("hub").settings(|s| s.page_size = 2).unwrap();
    world.set_base_url(Some(ROOT));
    let tenant = Tenant { client_id: CLIENT.to_owned(), authority: ROOT.parse().unwrap(), ..tenant_at(ROOT) };
    let transport = Weighing { router: RouterTransport::new(router(world.clone())), read: Rc::default() };
    let read = transport.read.clone();
    let proof = Proof::Secret(SECRET.to_owned().into());
    let client = GraphClient::new(&tenant, proof, transport, JumpingClock::default(), RequestIds::seeded(1)).unwrap();
    Bench { world, writer: GraphWriter::new(client), read }
}

impl Bench {
    fn user(&self, name: &str) -> ObjectId {
        let mail = format!("{name}@hub.example");
        let user = json!({"userPrincipalName": mail, "mail": mail, "displayName": name, "accountEnabled": true,
            "onPremisesExtensionAttributes": {"extensionAttribute1": name}});
        ObjectId::new(self.world.tenant("hub").add_user(&user).unwrap())
    }
    async fn write(&self, write: Write) -> Result<Written, Retry> {
        let id = "00000000-0000-4000-8000-000000000001";
        self.writer.write(id, &write).await.map_err(|error| error.retry)
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_is_read_and_resumed() {
    let bench = bench();
    let users: Vec<ObjectId> = ["a", "b", "c", "d", "e"].iter().map(|n| bench.user(n)).collect();
    let selected = selection(&["displayName", "extensionAttribute1", "manager"]);
    let (mut from, mut seen) = (Cursor::Start, 0);
    bench.world.tenant("hub").fault(Fault::next(2, Kind::Delta, Effect::status(503))).unwrap();
    let watermark = loop {
        let page = bench.writer.delta_page(&selected, &from).await.unwrap();
        seen += page.items.len();
        match page.then {
            Then::More(link) => from = Cursor::Link(link),
            Then::Done(link) => break link,
        }
    };
    assert_eq!(seen, 5);
    let hub = bench.world.tenant("hub");
    hub.set_manager(users[0].as_str(), Some(users[1].as_str())).unwrap();
    hub.edit_user(users[2].as_str(), &json!({"onPremisesExtensionAttributes": {"extensionAttribute1": null}})).unwrap();
    hub.soft_delete(users[3].as_str()).unwrap();
    let mut news = std::collections::BTreeMap::new();
    from = Cursor::Link(watermark.clone());
    while let Cursor::Link(link) = from {
        let page = bench.writer.delta_page(&selected, &Cursor::Link(link)).await.unwrap();
        news.extend(page.items.into_iter().map(|item| (item.object, item.news)));
        from = if let Then::More(link) = page.then { Cursor::Link(link) } else { Cursor::Start };
    }
    let News::Seen(edits) = &news[&users[0]] else { panic!() };
    assert_eq!(*edits.get("manager").unwrap(), Edit::Set(users[1].as_str().into()));
    assert_eq!(news[&users[3]], News::Removed(Removal::Soft));
    let News::Seen(edits) = &news[&users[2]] else { panic!() };
    assert_eq!(*edits.get("extensionAttribute1").unwrap(), Edit::Clear, "told as null, not left out");

    for effect in [Effect::Expired, Effect::Resync] {
        hub.fault(Fault::next(1, Kind::Delta, effect)).unwrap();
        let dead = bench.writer.delta_page(&selected, &Cursor::Link(watermark.clone())).await.unwrap_err();
        assert_eq!(dead.retry, Retry::StartOver, "{dead}");
    }
    let foreign = Effect::ForeignLink { root: "https://evil.example".to_owned() };
    hub.fault(Fault::next(1, Kind::Delta, foreign)).unwrap();
    let refused = bench.writer.delta_page(&selected, &Cursor::Start).await.unwrap_err();
    assert_eq!(refused.detail.code, "LinkRefused");
}

#[tokio::test(start_paused = true)]
async fn an_account_is_made_changed_deleted_and_restored() {
    let bench = bench();
    let manager = bench.user("boss");
    let invitation = Invitation {
        address: "ann@home.example".to_owned(),
        display_name: Some("Ann".to_owned()),
        user_type: "Member".to_owned(),
    };
    let selected = selection(&["mail", "displayName", "department", "extensionAttribute2", "otherMails", "manager"]);
    let hub = bench.world.tenant("hub");
    hub.fault(Fault {
        path: Some("/invitations".to_owned()),
        times: Some(1),
        ..Fault::always(Effect::Drop { applied: true })
    })
    .unwrap();
    assert_eq!(bench.write(Write::Invite(invitation.clone())).await, Err(Retry::LookAgain));
    let found = bench.writer.find_by_address(&selected, &invitation.address).await.unwrap();
    assert_eq!(found.len(), 1, "the invitation whose answer was lost is found");
    let Ok(Written::Invited(invited)) = bench.write(Write::Invite(invitation.clone())).await else { panic!() };
    assert_eq!(invited.account, found[0].0);
    assert!(invited.learned.contains_key("userPrincipalName"));

    let account = || invited.account.clone();
    let edits = Edits::from_iter([
        ("department".into(), Edit::Set("x".into())),
        ("extensionAttribute2".into(), Edit::Set("two".into())),
        ("otherMails".into(), Edit::Clear),
    ]);
    assert_eq!(bench.write(Write::Patch { account: account(), edits }).await, Ok(Written::Done));
    let set = Write::SetManager { account: account(), manager: Some(manager.clone()) };
    assert_eq!(bench.write(set).await, Ok(Written::Done));
    let nobody = ObjectId::new("99999999-0000-4000-8000-000000000001");
    let looks = bench.writer.look(&selected, &[account(), manager.clone(), nobody.clone()]).await;
    let Ok(Look::Present(edits)) = &looks[0] else { panic!("{looks:?}") };
    assert_eq!(*edits.get("department").unwrap(), Edit::Set("x".into()));
    assert_eq!(*edits.get("extensionAttribute2").unwrap(), Edit::Set("two".into()));
    assert_eq!(*edits.get("manager").unwrap(), Edit::Set(manager.as_str().into()));
    assert!(edits.get("otherMails").unwrap().value().is_none_or(|v| v.is_empty()));
    let Ok(Look::Present(edits)) = &looks[1] else { panic!("{looks:?}") };
    assert_eq!(*edits.get("manager").unwrap(), Edit::Clear);
    assert_eq!(looks[2], Ok(Look::Removed(Removal::Hard)));

    assert_eq!(bench.write(Write::SetManager { account: account(), manager: None }).await, Ok(Written::Done));
    assert_eq!(bench.write(Write::Delete { account: account() }).await, Ok(Written::Done));
    assert_eq!(bench.writer.look(&selected, &[account()]).await, [Ok(Look::Removed(Removal::Soft))]);
    let gone = bench.writer.write("00000000-0000-4000-8000-000000000002", &Write::Delete { account: nobody }).await;
    assert!(gone.unwrap_err().is_not_found());
    assert_eq!(bench.write(Write::Restore { account: account() }).await, Ok(Written::Done));
    assert!(matches!(bench.writer.look(&selected, &[account()]).await[0], Ok(Look::Present(_))));
}

#[tokio::test(start_paused = true)]
async fn members_roles_and_worn_out_tokens() {
    let bench = bench();
    let users: Vec<ObjectId> = (0..30).map(|n| bench.user(&format!("u{n}"))).collect();
    let hub = bench.world.tenant("hub");
    let group = |name: &str, role: bool| Group {
        id: uuid::Uuid::nil(),
        display_name: name.to_owned(),
        description: None,
        role,
        takes_roles: false,
        members: users.iter().take(25).map(|u| uuid::Uuid::parse_str(u.as_str()).unwrap()).collect(),
    };
    let staff = hub.put_group(group("Staff", false)).unwrap();
    hub.put_group(group("User Administrator", true)).unwrap();
    assert_eq!(bench.writer.group_members(&staff).await.unwrap().len(), 25);
    let outer = uuid::Uuid::parse_str(&staff).unwrap();
    let outer = Group { members: [outer].into(), ..group("All staff", false) };
    let outer = hub.put_group(outer).unwrap();
    let named = |id: &str, name: &str| NamedGroup { id: id.to_owned(), display_name: name.to_owned() };
    let of_user = bench.writer.groups_of(MemberOf::User(users[0].as_str())).await.unwrap();
    assert_eq!(of_user, [named(&staff, "Staff")], "direct ones, and roles are no groups");
    assert_eq!(bench.writer.groups_of(MemberOf::Group(&staff)).await.unwrap(), [named(&outer, "All staff")]);
    assert_eq!(bench.writer.groups_of(MemberOf::Group(&outer)).await.unwrap(), []);
    bench.world.void_tokens();
    assert_eq!(bench.writer.privileges(&users[0]).await.unwrap().roles, ["User Administrator"]);
    assert!(bench.writer.privileges(&users[29]).await.unwrap() == Default::default());

    hub.fault(Fault {
        times: Some(3),
        ..Fault { kind: Some(Kind::Get), ..Fault::always(Effect::throttled(429, "2.5")) }
    })
    .unwrap();
    let looks = bench.writer.look(&selection(&["mail"]), &users).await;
    assert!(looks.len() == 30 && looks.iter().all(|l| matches!(l, Ok(Look::Present(_)))), "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn every_read_costs_what_it_was_reckoned_to() {
    let bench = bench();
    let users: Vec<ObjectId> = ["a", "b", "c"].iter().map(|n| bench.user(n)).collect();
    let hub = bench.world.tenant("hub");
    let members = users.iter().map(|u| uuid::Uuid::parse_str(u.as_str()).unwrap()).collect();
    let staff = Group {
        id: uuid::Uuid::nil(),
        display_name: "Staff".to_owned(),
        description: None,
        role: false,
        takes_roles: false,
        members,
    };
    let staff = hub.put_group(staff).unwrap();
    let selected = selection(&["mail", "manager"]);
    let mut from = Cursor::Start;
    let watermark = loop {
        match bench.writer.delta_page(&selected, &from).await.unwrap().then {
            Then::More(link) => from = Cursor::Link(link),
            Then::Done(link) => break link,
        }
    };
    bench.writer.delta_page(&selected, &Cursor::Link(watermark)).await.unwrap();
    let nobody = ObjectId::new("99999999-0000-4000-8000-000000000001");
    for asked in [&users[..1], &users[..], &[nobody.clone()][..], &[nobody, users[0].clone()][..]] {
        bench.writer.look(&selected, asked).await;
    }
    bench.writer.look(&selection(&["mail"]), &users).await;
    bench.writer.find_by_address(&selected, "a@hub.example").await.unwrap();
    bench.writer.group_members(&staff).await.unwrap();
    bench.writer.groups_of(MemberOf::User(users[0].as_str())).await.unwrap();
    bench.writer.groups_of(MemberOf::Group(&staff)).await.unwrap();
    bench.writer.privileges(&users[0]).await.unwrap();
    let unknown = Effect::Status {
        status: 501,
        retry_after: None,
        code: None,
        message: None,
        body: None,
        content_type: None,
        location: None,
        applied: false,
    };
    hub.fault(Fault::next(1, Kind::Groups, unknown)).unwrap();
    bench.writer.privileges(&users[0]).await.unwrap();
    let shapes = [
        "/directory/deletedItems/ID",
        "/groups/ID/memberOf $select $top",
        "/groups/ID/transitiveMembers $select $top",
        "/users $filter $select",
        "/users/ID $select",
        "/users/ID $select $expand",
        "/users/ID/memberOf $select",
        "/users/ID/memberOf $select $top",
        "/users/ID/transitiveMemberOf $select",
        "/users/delta $deltatoken",
        "/users/delta $select",
        "/users/delta $skiptoken",
    ];
    assert_eq!(bench.read.borrow().iter().map(String::as_str).collect::<Vec<_>>(), shapes);
}
