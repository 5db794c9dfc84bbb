//! Which rules does a history run under? A number stands for a rule set; the reference reads the number, never the file.

/// What the leavers rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leavers {
    Delete,
    Disable,
    Keep,
    /// Disable now, delete a day later.
    Grace,
}

/// A rule set by its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Values of employeeType that are in scope; `None`: everybody.
    pub(crate) scope: Option<&'static [&'static str]>,
    /// Accounts are found by their address.
    pub(crate) matches: bool,
    pub(crate) leavers: Leavers,
    /// An empty job title at home leaves the account's.
    pub(crate) keeps_title: bool,
    /// The department is mapped; else a constant company is.
    pub(crate) department: bool,
    /// The department is written when the home's value changes, and a local edit stays until then.
    pub(crate) on_change: bool,
    pub(crate) manager: bool,
    pub(crate) guests: bool,
    /// The guard lets one leaver through in a run.
    pub(crate) guarded: bool,
}

impl Shape {
    pub(crate) fn of(number: u16) -> Self {
        let mut rest = usize::from(number);
        let mut pick = |n: usize| {
            let picked = rest % n;
            rest /= n;
            picked
        };
        let scopes: [Option<&'static [&'static str]>; 4] =
            [Some(&["Staff"]), Some(&["Staff", "Student"]), None, Some(&["Nobody"])];
        let leavers = [Leavers::Delete, Leavers::Disable, Leavers::Keep, Leavers::Grace];
        Self {
            scope: scopes[pick(4)],
            matches: pick(2) == 0,
            leavers: leavers[pick(4)],
            keeps_title: pick(2) == 1,
            department: pick(2) == 0,
            on_change: pick(2) == 1,
            manager: pick(2) == 0,
            guests: pick(2) == 1,
            guarded: pick(2) == 1,
        }
    }

    pub(crate) fn text(self) -> String {
        let mut text = format!("account = \"{}\"\n", if self.guests { "guest" } else { "member" });
        for kind in self.scope.unwrap_or_default() {
            text += &format!(
                "[[scope]]\nall = [{{ attribute = \"employeeType\", operator = \"EQUALS\", value = \"{kind}\" }}]\n"
            );
        }
        if self.matches {
            text += "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n";
        }
        text += "[attributes]\ndisplayName = \"[displayName]\"\n";
        text += if self.keeps_title {
            "jobTitle = { expression = \"[jobTitle]\", when_empty = \"keep\" }\n"
        } else {
            "jobTitle = \"[jobTitle]\"\n"
        };
        text += match (self.department, self.on_change) {
            (false, _) => "companyName = '\"College\"'\n",
            (true, false) => "department = \"[department]\"\n",
            (true, true) => "department = { expression = \"[department]\", apply = \"on-change\" }\n",
        };
        if self.manager {
            text += "manager = \"[manager]\"\n";
        }
        let (leaver, disabled) = match self.leavers {
            Leavers::Delete | Leavers::Grace => ("delete", "disable"),
            Leavers::Disable => ("disable", "disable"),
            Leavers::Keep => ("keep", "keep"),
        };
        text += &format!("[leavers]\ndeleted = \"{leaver}\"\nout_of_scope = \"{leaver}\"\ndisabled = \"{disabled}\"\n");
        if self.leavers == Leavers::Grace {
            text += "grace_days = 1\n";
        }
        if self.guarded {
            text += "[guard]\ndeletes = { max = 1 }\ndisables = { max = 1 }\n";
        }
        text
    }
}
