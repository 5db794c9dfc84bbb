//! What does a newcomer see first? The whole story on real parts: HTTP, SQLite files, the same verbs as ever.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

use super::init::Rules;
use super::output::complain;
use super::{Exit, Global, LogFormat, Output, log, plan, session, sync};
use crate::config::Config;
use crate::model::ActionKind;
use crate::sim::{Directory, Effect, Fault, World, generate_school, serve};
use crate::store::{Filter, Mode};

/// Enough people for the numbers to mean something, few enough to be done in seconds.
const PEOPLE: usize = 600;
/// The same people every time: a story that can be told twice.
const SEED: u64 = 1895;
/// Where the tenants listen, so that the folder works with `crosstie sim` later; any free port where it is taken.
const ADDRESS: &str = "127.0.0.1:8400";
/// Only a folder that holds this was made by the demo, and is made anew.
const MARK: &str = ".made-by-crosstie-demo";
const TENANTS: [&str; 3] = ["north", "south", "west"];

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The folder to make. One that an earlier demo made is made anew.
    #[arg(long, value_name = "DIR", default_value = "crosstie-demo")]
    dir: PathBuf,
}

/// Why the story broke off.
enum Broken {
    /// A verb ended in another way than the story needs.
    Verb { verb: &'static str, exit: Exit, expected: Exit },
    /// Something else, in words.
    Other(String),
}

impl<E: std::error::Error> From<E> for Broken {
    fn from(error: E) -> Self {
        Broken::Other(error.to_string())
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let told = || -> Result<(), Broken> {
        let runtime = session::runtime().map_err(|_| Broken::Other("no runtime".to_owned()))?;
        prepare(&arguments.dir)?;
        runtime.block_on(stage(global, &arguments.dir, out))
    };
    let mut told = told;
    match told() {
        Ok(()) => Exit::Done,
        Err(Broken::Verb { verb, exit, expected }) => {
            complain(format_args!("{verb} ended with {}, and the story needs {}", exit.code(), expected.code()));
            Exit::Failed
        }
        Err(Broken::Other(why)) => {
            complain(format_args!("the demo broke off: {why}"));
            Exit::Failed
        }
    }
}

/// An empty folder with the tenants, the rules and the secrets.
fn prepare(dir: &Path) -> Result<(), Broken> {
    if dir.exists() {
        let ours = dir.join(MARK).exists();
        let empty = std::fs::read_dir(dir)?.next().is_none();
        if !ours && !empty {
            let why = format!("{} exists and was not made by the demo; name another with --dir", dir.display());
            return Err(Broken::Other(why));
        }
        std::fs::remove_dir_all(dir)?;
    }
    for folder in [dir.to_owned(), dir.join("sync-rules"), dir.join("secrets")] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    write(&dir.join(MARK), "crosstie demo makes this folder anew each time it runs.\n")?;
    write(&dir.join("sync-rules/staff.toml"), Rules::Staff.text())?;
    write(&dir.join("sync-rules/staff.test.toml"), Rules::Staff.tests())?;
    for tenant in TENANTS {
        write(&dir.join("secrets").join(tenant), &format!("{tenant}-secret\n"))?;
    }
    generate_school(&dir.join("tenants"), PEOPLE, SEED)?;
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

fn configuration(root: &str) -> String {
    let mut text = String::from("# Made by: crosstie demo\n[store]\npath = \"crosstie.db\"\n");
    for (n, tenant) in (1..).zip(TENANTS) {
        text += &format!(
            "\n[tenants.{tenant}]\nid = \"6f1c0d3e-0000-4000-8000-{n:012}\"\nclient_id = \
             \"0b9b0d64-0000-4000-8000-{n:012}\"\nclient_secret = {{ file = \"secrets/{tenant}\" }}\nauthority = \
             \"{root}\"\ngraph = \"{root}\"\n"
        );
    }
    text + "\n[topology]\nkind = \"mesh\"\ntenants = [\"north\", \"south\", \"west\"]\nrules = \"staff\"\n"
}

/// Serves the tenants and tells the story, both on this thread.
async fn stage(global: &Global, dir: &Path, out: &mut Output) -> Result<(), Broken> {
    let listener = match tokio::net::TcpListener::bind(ADDRESS).await {
        Ok(listener) => listener,
        Err(_) => tokio::net::TcpListener::bind("127.0.0.1:0").await?,
    };
    let root = format!("http://{}", listener.local_addr()?);
    write(&dir.join("crosstie.toml"), &configuration(&root))?;
    let world = Arc::new(World::load(&dir.join("tenants"), Arc::new(super::sim::system_time), SEED)?);
    let (over, ended) = tokio::sync::oneshot::channel::<()>();
    let server = serve(listener, Arc::clone(&world), async move {
        // Either way the story has ended.
        let _ = ended.await;
    });
    let story = async {
        let told = Story { global: quiet(global, dir), world: &world, out }.tell().await;
        let _ = over.send(());
        told
    };
    let (served, told) = futures_util::future::join(server, story).await;
    served?;
    told?;
    world.save(&dir.join("tenants"))?;
    farewell(dir, &root, out);
    Ok(())
}

fn quiet(global: &Global, dir: &Path) -> Global {
    Global { config: dir.join("crosstie.toml"), log_format: LogFormat::Text, ..global.clone() }
}

struct Story<'a> {
    global: Global,
    world: &'a World,
    out: &'a mut Output,
}

impl Story<'_> {
    fn chapter(&mut self, title: &str) {
        let bold = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        self.out.line(format_args!("\n{bold}== {title}{bold:#}"));
        self.out.flush();
    }
    fn say(&mut self, text: &str) {
        self.out.line(format_args!("{text}"));
    }
    fn prompt(&mut self, command: &str) {
        let bold = Style::new().bold();
        self.out.line(format_args!("\n{bold}$ crosstie {command}{bold:#}"));
        self.out.flush();
    }
    fn config(&self) -> Result<Config, Broken> {
        session::configuration(&self.global).map_err(|_| Broken::Other("its own configuration is unsound".to_owned()))
    }
    async fn plan(&mut self, expected: Exit) -> Result<(), Broken> {
        self.prompt("plan");
        let config = self.config()?;
        let exit = plan::dry_run(&self.global, &config, &plan::Arguments::in_short(), self.out).await;
        self.ended("plan", exit.unwrap_or_else(|exit| exit), expected)
    }
    async fn sync(&mut self, expected: Exit) -> Result<(), Broken> {
        self.prompt("sync");
        let config = self.config()?;
        let exit = sync::cycle(&self.global, &config, &sync::Arguments::default(), self.out).await;
        self.ended("sync", exit.unwrap_or_else(|exit| exit), expected)
    }
    fn ended(&mut self, verb: &'static str, exit: Exit, expected: Exit) -> Result<(), Broken> {
        self.out.line(format_args!("(exit code {})", exit.code()));
        self.out.flush();
        if exit == expected { Ok(()) } else { Err(Broken::Verb { verb, exit, expected }) }
    }

    async fn tell(mut self) -> Result<(), Broken> {
        self.chapter("Three regions of one school, each with a tenant of its own");
        self.regions();
        self.say(
            "\nTeachers and staff shall have an account in the other two regions, students none (sync-rules/staff.toml).\n\
             Some guests stand there already. A dry run first: it reads, and writes to nobody.",
        );
        self.plan(Exit::Changes).await?;
        self.chapter("First sync: invitations, attributes, managers");
        self.sync(Exit::Done).await?;
        self.say("\nPlanning again changes nothing:");
        self.plan(Exit::Done).await?;
        let mover = self.a_day()?;
        self.plan(Exit::Changes).await?;
        self.outage().await?;
        self.look_back(&mover)
    }

    /// How many people of which kind are in each tenant.
    fn regions(&mut self) {
        for tenant in TENANTS {
            let users = self.world.tenant(tenant).users();
            let count = |test: &dyn Fn(&Value) -> bool| users.iter().filter(|u| test(u)).count();
            let of = |kind: &'static str| move |u: &Value| u["employeeType"] == kind && u["creationType"].is_null();
            let guests = count(&|u| u["creationType"] == "Invitation");
            let (students, teachers) = (count(&of("Student")), count(&of("Teacher")));
            let staff = count(&of("Staff"));
            self.out.line(format_args!(
                "  {tenant:<6} {students:>4} students  {teachers:>3} teachers  {staff:>3} staff  {guests:>2} guests"
            ));
        }
    }

    /// Somebody joins, somebody moves, somebody leaves. Answers the mover's sign-in name.
    fn a_day(&mut self) -> Result<String, Broken> {
        self.chapter("A day later: a joiner, a mover, a leaver");
        let (north, south, west) = (self.world.tenant("north"), self.world.tenant("south"), self.world.tenant("west"));
        north.add_user(&json!({
            "displayName": "Zoë Ångström", "givenName": "Zoë", "surname": "Ångström", "userType": "Member",
            "mail": "zoe.angstrom@north.fine-arts.example", "mailNickname": "zoe.angstrom", "accountEnabled": true,
            "userPrincipalName": "zoe.angstrom@north.fine-arts.example", "employeeType": "Teacher",
            "department": "Composition", "jobTitle": "Lecturer", "usageLocation": "GB",
        }))?;
        let mover = name_of(&a_teacher(&south)?);
        south.edit_user(&mover, &json!({ "department": "Stage Design", "jobTitle": "Head of Stage Design" }))?;
        let leaver = name_of(&a_teacher(&west)?);
        west.soft_delete(&leaver)?;
        self.say("  north  zoe.angstrom@north.fine-arts.example starts as a teacher");
        self.say(&format!("  south  {mover} becomes head of stage design"));
        self.say(&format!("  west   {leaver} is deleted"));
        Ok(mover)
    }

    async fn outage(&mut self) -> Result<(), Broken> {
        self.chapter("And an outage: north answers every request with 503");
        let down = self.world.tenant("north").fault(Fault::always(Effect::throttled(503, "1")))?;
        self.say("The other two go on without it. Nothing is deleted because of something that was not read.");
        self.sync(Exit::Incomplete).await?;
        self.world.tenant("north").clear_faults(Some(down))?;
        self.say("\nNorth is back:");
        self.sync(Exit::Done).await?;
        self.plan(Exit::Done).await
    }

    fn look_back(&mut self, mover: &str) -> Result<(), Broken> {
        self.chapter("Months later an auditor asks");
        let config = self.config()?;
        let store = session::store(&config, Mode::Look).map_err(|_| Broken::Other("no store".to_owned()))?;
        self.prompt(&format!("log --user {mover} --action update"));
        let filter = Filter { user: Some(mover.to_owned()), action: Some(ActionKind::Update), ..Filter::default() };
        let mut entries = Vec::new();
        store.log(&filter, |entry| {
            entries.push(entry);
            true
        })?;
        entries.iter().rev().take(2).rev().for_each(|entry| log::text(entry, self.out));
        self.prompt("log verify");
        let exit = log::verify(&store, self.out).unwrap_or_else(|exit| exit);
        self.ended("log verify", exit, Exit::Done)
    }
}

/// A teacher of the tenant's own who reports to somebody, so that the story has a manager in it.
fn a_teacher(tenant: &Directory<'_>) -> Result<Value, Broken> {
    let teaches =
        |u: &Value| u["employeeType"] == "Teacher" && u["accountEnabled"] == true && u["creationType"].is_null();
    let found = tenant.users().into_iter().find(teaches);
    found.ok_or_else(|| Broken::Other("the school has no teacher".to_owned()))
}

fn name_of(user: &Value) -> String {
    user["userPrincipalName"].as_str().unwrap_or_default().to_owned()
}

fn farewell(dir: &Path, root: &str, out: &mut Output) {
    let (dir, address) = (dir.display(), root.trim_start_matches("http://"));
    // Started by cargo, it is not on the path.
    let me = std::env::args().next().unwrap_or_else(|| "crosstie".to_owned());
    out.line(format_args!(
        "\nEverything is in {dir}/: the configuration, the rules, the store and the tenants. Go on with\n\n  \
         {me} sim --dir {dir}/tenants --listen {address}\n\nin one terminal, and in another: plan, sync, status, log, …\n\n  \
         {me} --config {dir}/crosstie.toml status"
    ));
}
