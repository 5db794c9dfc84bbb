//! Which door leads to a tenant: one that also writes, or one that only reads?
//!
//! A tenant that is only home has no writing door: nothing in this process could send it a write.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use super::clock::SystemClock;
use super::session::Reader;
use crate::config::Config;
use crate::graph::{GraphWriter, HttpTransport};
use crate::model::{Cursor, DeltaPage, Edits, NamedGroup, ObjectId, Selection, TenantName, WriteError};
use crate::ports::{
    DirectoryError, DirectoryRead, DirectoryWrite, Look, MemberOf, Pressure, Privileges, Retry, Write, Written,
};

/// A connection to one tenant, as its part in the configuration allows it.
#[derive(Debug)]
pub(super) enum Connection {
    /// Some route enters it.
    Target(GraphWriter<HttpTransport, SystemClock>),
    /// It is only home.
    Home(Reader),
}

impl Connection {
    /// The writing door is made for targets alone.
    pub(super) fn new(config: &Config, tenant: &TenantName, reader: Reader) -> Self {
        match config.routes.iter().any(|route| route.name.target == *tenant) {
            true => Connection::Target(GraphWriter::new(reader)),
            false => Connection::Home(reader),
        }
    }
    /// Only reading.
    pub(super) fn reader(&self) -> &Reader {
        match self {
            Connection::Target(writer) => writer.reader(),
            Connection::Home(reader) => reader,
        }
    }
}

impl Borrow<Reader> for Connection {
    fn borrow(&self) -> &Reader {
        self.reader()
    }
}

impl DirectoryRead for Connection {
    fn tenant(&self) -> &TenantName {
        self.reader().tenant()
    }
    async fn delta_page(&self, selection: &Selection, from: &Cursor) -> Result<DeltaPage, DirectoryError> {
        self.reader().delta_page(selection, from).await
    }
    async fn look(&self, selection: &Selection, objects: &[ObjectId]) -> Vec<Result<Look, DirectoryError>> {
        self.reader().look(selection, objects).await
    }
    async fn find_by_address(
        &self,
        selection: &Selection,
        address: &str,
    ) -> Result<Vec<(ObjectId, Edits)>, DirectoryError> {
        self.reader().find_by_address(selection, address).await
    }
    async fn group_members(&self, group: &str) -> Result<Vec<ObjectId>, DirectoryError> {
        self.reader().group_members(group).await
    }
    async fn groups_of(&self, whose: MemberOf<'_>) -> Result<Vec<NamedGroup>, DirectoryError> {
        self.reader().groups_of(whose).await
    }
    async fn privileges(&self, user: &ObjectId) -> Result<Privileges, DirectoryError> {
        self.reader().privileges(user).await
    }
    async fn verified_domains(&self) -> Result<BTreeSet<String>, DirectoryError> {
        self.reader().verified_domains().await
    }
    fn pressure(&self) -> Option<Pressure> {
        self.reader().pressure()
    }
    fn take_units(&self) -> u64 {
        self.reader().take_units()
    }
}

impl DirectoryWrite for Connection {
    async fn write(&self, request_id: &str, write: &Write) -> Result<Written, DirectoryError> {
        match self {
            Connection::Target(writer) => writer.write(request_id, write).await,
            Connection::Home(reader) => Err(only_home(reader.tenant(), request_id)),
        }
    }
}

/// No plan holds such a write; if one did, nothing is sent.
fn only_home(tenant: &TenantName, request_id: &str) -> DirectoryError {
    let message = "no route enters this tenant, so it is only read; nothing was sent";
    DirectoryError {
        tenant: tenant.clone(),
        doing: "writing".to_owned(),
        status: None,
        detail: WriteError { code: "OnlyHome".to_owned(), message: message.to_owned() },
        hint: None,
        retry: Retry::Never,
        throttled: false,
        throttle: None,
        request_id: request_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::session;
    use super::{Connection, DirectoryWrite, SystemClock, Write};
    use crate::config::{Config, load_with};
    use crate::graph::{HttpTransport, Proof};

    /// `north` is only home, `south` only target.
    fn one_route(folder: &std::path::Path, root: &str) -> Config {
        std::fs::create_dir(folder.join("sync-rules")).unwrap();
        std::fs::write(folder.join("sync-rules/staff.toml"), "[attributes]\ndisplayName = '[displayName]'\n").unwrap();
        let mut text = String::new();
        for (n, tenant) in [(1, "north"), (2, "south")] {
            text += &format!(
                "[tenants.{tenant}]\nid = \"6f1c0d3e-0000-4000-8000-{n:012}\"\nclient_id = \
                 \"0b9b0d64-0000-4000-8000-{n:012}\"\nclient_secret = {{ env = \"X\" }}\nauthority = \"{root}\"\ngraph = \
                 \"{root}\"\n"
            );
        }
        text += "[[route]]\nhome = \"north\"\ntarget = \"south\"\nrules = \"staff\"\n";
        std::fs::write(folder.join("crosstie.toml"), text).unwrap();
        load_with(&folder.join("crosstie.toml"), &|_| Some("secret".to_owned())).unwrap().config
    }

    #[tokio::test]
    async fn a_tenant_that_is_only_home_is_sent_no_write() {
        let folder = tempfile::tempdir().unwrap();
        // Nobody listens there: whatever is tried says so.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let config = one_route(folder.path(), &root);
        let transport = HttpTransport::new().unwrap();
        let write = Write::Delete { account: "someone".into() };
        for (name, code) in [("north", "OnlyHome"), ("south", "TokenEndpoint")] {
            let tenant = &config.tenants[&name.into()];
            let proof = Proof::Secret("secret".to_owned().into());
            let reader = session::reader(tenant, proof, &transport, SystemClock::start()).unwrap();
            let connection = Connection::new(&config, &tenant.name, reader);
            assert_eq!(matches!(connection, Connection::Home(_)), name == "north");
            let error = connection.write("id", &write).await.unwrap_err();
            assert_eq!(error.detail.code, code, "{error}");
        }
    }
}
