//! A reader who follows the README from top to bottom.

use std::fs;

use byway_e2e::PATIENCE;
use byway_testkit::{program, skipped, wait::until};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    example,
    page::{self, Block},
    skip::{Skip, installed, ports_are_free},
    steps::{self, Deed, PAGE, PORTS, Step, Who},
    terminal::Terminals,
    web,
};

/// What stands in the README's settings in the place of a key.
const PLACEHOLDER: &str = "THE SETUP NODE'S KEY";

/// The reader, with what was learnt so far.
pub(crate) struct Scene {
    terminals: Terminals,
    setup_key: Option<String>,
    _web: JoinSet<()>,
}

impl Scene {
    pub(crate) async fn start() -> Result<Self, Skip> {
        ports_are_free(&PORTS)?;
        let terminals = Terminals::new(&program("byway"));
        Ok(Self { terminals, setup_key: None, _web: web::serve().await? })
    }

    /// Does everything in order, and at the end what sentences name.
    pub(crate) async fn follow(&mut self, text: &str) -> Result<(), Skip> {
        for block in page::blocks(text) {
            self.block(&block).await?;
        }
        for span in page::mentioned(text) {
            let step = steps::named(span).unwrap_or_else(|| panic!("nobody runs `{span}`"));
            self.deed(step).await?;
        }
        Ok(())
    }

    async fn block(&mut self, block: &Block<'_>) -> Result<(), Skip> {
        match block.language {
            "sh" => {
                for line in page::commands(&block.text) {
                    let step = steps::typed(line).unwrap_or_else(|| panic!("nobody runs `{line}`"));
                    self.deed(step).await?;
                }
            }
            "toml" => self.settings(&block.text),
            "rust" => {
                let page = example::page_of_bob(&self.terminals.socket_of_alice()).await.unwrap();
                assert!(page.ends_with(PAGE), "{page}");
            }
            "python" => {
                fs::write(self.terminals.file("app.py"), &block.text).unwrap();
                self.ends(Who::Alice, "python3 app.py", &[PAGE]).await;
            }
            "text" => {}
            other => panic!("nobody runs a block of '{other}'"),
        }
        Ok(())
    }

    /// Writes the settings to the file that their first line names.
    fn settings(&self, text: &str) {
        assert!(text.contains(PLACEHOLDER), "{text}");
        let name = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap();
        let key = self.setup_key.as_ref().expect("the key was printed before");
        fs::write(self.terminals.file(name), text.replace(PLACEHOLDER, key)).unwrap();
    }

    async fn deed(&mut self, step: &Step) -> Result<(), Skip> {
        let line = step.line;
        match step.deed {
            // Another test sees to these.
            Deed::Scripted | Deed::Contained => {}
            Deed::Sets(whose) => self.terminals.export(whose, line),
            Deed::Ends(who, says) => self.ends(who, line, says).await,
            Deed::PrintsSetupKey(who) => {
                let printed = self.terminals.run(who, line).await;
                let key = printed.lines().find_map(|line| line.strip_prefix("base32")).unwrap();
                self.setup_key = Some(key.trim().to_owned());
            }
            Deed::GoesOn(who, says) => self.terminals.begin(who, line, says).await?,
            Deed::Node(who, variable) => {
                self.terminals.begin(who, line, "serving").await?;
                self.terminals.run(who, "byway wait --ready").await;
                let key = self.terminals.run(who, "byway whoami").await;
                self.terminals.export(&[Who::Bob, Who::Alice], &format!("export {variable}={}", key.trim()));
                if who == Who::Alice {
                    self.both_paths_are_known().await;
                }
            }
        }
        Ok(())
    }

    /// Runs a command, if this machine has the program, and looks at what it prints.
    async fn ends(&self, who: Who, line: &str, says: &[&str]) {
        if !line.starts_with("byway ") && !installed(line) {
            skipped(format_args!("`{line}` of the README: its program is not installed"));
            return;
        }
        let printed = self.terminals.run(who, line).await;
        for part in says {
            assert!(printed.contains(part), "`{line}` does not say '{part}':\n{printed}");
        }
    }

    /// Waits until the route finder knows every transport, and takes down the two that lead over n1.
    async fn both_paths_are_known(&mut self) {
        let look = async || {
            let printed = self.terminals.try_run(Who::Alice, "byway path show bob --output json").await?;
            let reply: Value = serde_json::from_str(&printed).map_err(|error| error.to_string())?;
            let hops = |path: &Value| path["hops"].as_array().cloned().unwrap_or_default();
            let paths: Vec<_> = reply["paths"].as_array().into_iter().flatten().map(hops).collect();
            // Beside the transport through messaging there soon is a direct one.
            let is_direct = paths.iter().any(|path| path.len() == 1);
            let over_n1 = paths.iter().find(|path| path.len() == 2);
            over_n1.filter(|_| is_direct).cloned().ok_or(printed)
        };
        let over_n1 = until("both paths to bob", PATIENCE, look).await;
        for (name, hop) in ["FIRST", "SECOND"].into_iter().zip(over_n1) {
            let id = hop["transport"].as_str().unwrap();
            self.terminals.export(&[Who::Alice], &format!("export {name}={id}"));
        }
    }
}
