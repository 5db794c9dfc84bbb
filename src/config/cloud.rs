//! Which of Microsoft's clouds is there, where does it answer, and which of them work together?

use url::Url;

use super::Tenant;

/// One of Microsoft's clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// The one that nearly everybody is in, GCC included.
    Global,
    /// GCC High (L4).
    UsGov,
    /// The Department of Defense (L5).
    UsGovDod,
    /// Operated by 21Vianet.
    China,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Cloud; 4] = [Cloud::Global, Cloud::UsGov, Cloud::UsGovDod, Cloud::China];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Cloud::Global => "global",
            Cloud::UsGov => "us-gov",
            Cloud::UsGovDod => "us-gov-dod",
            Cloud::China => "china",
        }
    }
    /// Where tokens come from.
    pub fn authority(self) -> &'static str {
        match self {
            Cloud::Global => "https://login.microsoftonline.com",
            Cloud::UsGov | Cloud::UsGovDod => "https://login.microsoftonline.us",
            Cloud::China => "https://login.chinacloudapi.cn",
        }
    }
    /// Graph's root.
    pub fn graph(self) -> &'static str {
        match self {
            Cloud::Global => "https://graph.microsoft.com",
            Cloud::UsGov => "https://graph.microsoft.us",
            Cloud::UsGovDod => "https://dod-graph.microsoft.us",
            Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
    /// What cross-tenant access settings of *other* clouds call it (`allowedCloudEndpoints`). Both government levels are
    /// one there, as they have one authority.
    pub fn endpoint(self) -> &'static str {
        match self {
            Cloud::Global => "microsoftonline.com",
            Cloud::UsGov | Cloud::UsGovDod => "microsoftonline.us",
            Cloud::China => "partner.microsoftonline.cn",
        }
    }
    /// Does Microsoft open B2B collaboration between these two? Within one always; across them only with the global
    /// one ("Configure Microsoft cloud settings for B2B collaboration" names these pairs and no other).
    pub fn collaborates_with(self, other: Cloud) -> bool {
        self.is_one_with(other) || self == Cloud::Global || other == Cloud::Global
    }
    /// Are these two one cloud to cross-tenant access settings?
    pub fn is_one_with(self, other: Cloud) -> bool {
        self.endpoint() == other.endpoint()
    }
}

impl Tenant {
    /// Its cloud, where its two roots are one of Microsoft's; `None` where they are its own, as a simulator's.
    pub fn cloud(&self) -> Option<Cloud> {
        let is = |url: &Url, root: &str| url.as_str().trim_end_matches('/') == root;
        Cloud::ALL.into_iter().find(|cloud| is(&self.graph, cloud.graph()) && is(&self.authority, cloud.authority()))
    }
}
