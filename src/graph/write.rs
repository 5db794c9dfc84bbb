//! Which writes are there? Five, each one request, sent once; what is not confirmed is not assumed.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;

use crate::model::{Cursor, DeltaPage, Edits, NamedGroup, ObjectId, Selection, TenantName};
use crate::ports::{
    Clock, DirectoryError, DirectoryRead, DirectoryWrite, Look, MemberOf, Pressure, Privileges, Write, Written,
};

use super::client::{BODY_BYTES_MAX, Call, GraphClient};
use super::error::{Asking, GraphError, error_inside, is_confirmation};
use super::retry::Operation;
use super::transport::Transport;
use super::wire::{invitation_body, learned, manager_body, patch_body};

/// Reading and writing one tenant. Whoever must not write is given the [`GraphClient`] alone.
#[derive(Debug)]
pub struct GraphWriter<T, C> {
    client: GraphClient<T, C>,
}

impl<T, C> GraphWriter<T, C> {
    /// Adds writing.
    pub fn new(client: GraphClient<T, C>) -> Self {
        Self { client }
    }
    /// Only reading.
    pub fn reader(&self) -> &GraphClient<T, C> {
        &self.client
    }
}

impl<T: Transport, C: Clock> DirectoryRead for GraphWriter<T, C> {
    fn tenant(&self) -> &TenantName {
        self.client.tenant()
    }
    async fn delta_page(&self, selection: &Selection, from: &Cursor) -> Result<DeltaPage, DirectoryError> {
        self.client.delta_page(selection, from).await
    }
    async fn look(&self, selection: &Selection, objects: &[ObjectId]) -> Vec<Result<Look, DirectoryError>> {
        self.client.look(selection, objects).await
    }
    async fn find_by_address(
        &self,
        selection: &Selection,
        address: &str,
    ) -> Result<Vec<(ObjectId, Edits)>, DirectoryError> {
        self.client.find_by_address(selection, address).await
    }
    async fn group_members(&self, group: &str) -> Result<Vec<ObjectId>, DirectoryError> {
        self.client.group_members(group).await
    }
    async fn groups_of(&self, whose: MemberOf<'_>) -> Result<Vec<NamedGroup>, DirectoryError> {
        self.client.groups_of(whose).await
    }
    async fn privileges(&self, user: &ObjectId) -> Result<Privileges, DirectoryError> {
        self.client.privileges(user).await
    }
    async fn verified_domains(&self) -> Result<BTreeSet<String>, DirectoryError> {
        self.client.verified_domains().await
    }
    fn pressure(&self) -> Option<Pressure> {
        self.client.pressure()
    }
    fn take_units(&self) -> u64 {
        self.client.take_units()
    }
}

impl<T: Transport, C: Clock> DirectoryWrite for GraphWriter<T, C> {
    async fn write(&self, request_id: &str, write: &Write) -> Result<Written, DirectoryError> {
        let asking = asking(write);
        let outcome = self.send(request_id, write).await;
        outcome.map_err(|error| self.client.told(error, asking, request_id))
    }
}

impl<T: Transport, C: Clock> GraphWriter<T, C> {
    async fn send(&self, request_id: &str, write: &Write) -> Result<Written, GraphError> {
        let call = self.call(write)?;
        let answer = self.client.once(&call, request_id).await?;
        let status = answer.status().as_u16();
        let body: Bytes = answer.into_body();
        // Some front doors wrap a refusal in a 200.
        if let Some(refusal) = error_inside(status, &body) {
            return Err(GraphError::Answer(refusal));
        }
        match write {
            Write::Invite(invitation) => match learned(&body, invitation) {
                Some(invited) => Ok(Written::Invited(invited)),
                None => Err(GraphError::Unconfirmed("the invitation was accepted, but no account was named")),
            },
            _ if is_confirmation(&body) => Ok(Written::Done),
            _ => Err(GraphError::Unconfirmed("the change was accepted, but the answer is not the directory's")),
        }
    }

    fn call(&self, write: &Write) -> Result<Call, GraphError> {
        let origin = self.client.origin();
        let user = |account: &ObjectId| origin.build(&["users", account.as_str()], &[]);
        let (method, url, body) = match write {
            Write::Invite(invitation) => {
                let body = invitation_body(invitation, &self.client.redirect_url);
                (Method::POST, origin.build(&["invitations"], &[])?, Some(body))
            }
            Write::Patch { edits, .. } if edits.is_empty() => {
                return Err(GraphError::NotAsked("a change of nothing"));
            }
            Write::Patch { edits, .. } if edits.keys().any(|attribute| attribute.is_reference()) => {
                return Err(GraphError::NotAsked("a reference inside a change of attributes"));
            }
            Write::Patch { account, edits } => (Method::PATCH, user(account)?, Some(patch_body(edits))),
            Write::SetManager { account, manager } => {
                let url = origin.build(&["users", account.as_str(), "manager", "$ref"], &[])?;
                match manager {
                    Some(manager) => (Method::PUT, url, Some(manager_body(&origin.url(&user(manager)?)))),
                    None => (Method::DELETE, url, None),
                }
            }
            Write::Delete { account } => (Method::DELETE, user(account)?, None),
            Write::Restore { account } => {
                let url = origin.build(&["directory", "deletedItems", account.as_str(), "restore"], &[])?;
                (Method::POST, url, None)
            }
        };
        Ok(Call::write(method, url, body))
    }
}

fn asking(write: &Write) -> Asking {
    let change = |doing| Asking {
        doing,
        operation: Operation::Change,
        permission: "User.ReadWrite.All",
        body_bytes_max: BODY_BYTES_MAX,
    };
    match write {
        Write::Invite(_) => {
            Asking { operation: Operation::Invite, permission: "User.Invite.All", ..change("inviting") }
        }
        Write::Patch { .. } => change("changing a user"),
        Write::SetManager { manager: Some(_), .. } => change("setting a manager"),
        Write::SetManager { manager: None, .. } => change("clearing a manager"),
        Write::Delete { .. } => change("deleting a user"),
        Write::Restore { .. } => change("restoring a user"),
    }
}
