//! Several servers on one store: whatever each of them knows, nothing is given twice.

use std::collections::BTreeSet;

use model::RowId;
use nb::memory::MemoryStore;
use nb::{CommitError, Selector, Store, Txn};

use super::claim::{ADDRESSES, MACS};
use super::fixture::{entropy, in_use, subnet};
use super::*;

/// The transaction that does no more than this.
fn taking(claims: &Claims, owner: &RowId) -> Txn {
    let txn = claims.required().fold(Txn::new(), Txn::require);
    claims.rows(owner).fold(txn, |txn, (key, text)| match text {
        Some(text) => txn.put(key, text),
        None => txn.delete(key),
    })
}

/// A server, and what it knows: all that the store had when it last looked.
struct Server {
    addresses: NetworkAddresses,
    random: Box<dyn FnMut() -> u64>,
    conflicts: u32,
}

impl Server {
    fn new(seed: u64) -> Self {
        Self { addresses: in_use(&[]), random: Box::new(entropy(seed)), conflicts: 0 }
    }

    async fn look(&mut self, store: &MemoryStore) {
        let snapshot = store.snapshot(&Selector::tables([ADDRESSES, MACS])).await.unwrap();
        self.addresses = in_use(&[]);
        for row in snapshot.rows {
            self.addresses.occupy(&Claim::of_key(&row.key).unwrap());
        }
    }

    /// Creates a port; after a conflict it looks and tries again.
    async fn create(&mut self, store: &MemoryStore, subnets: &[Subnet], id: u32) -> Option<PortAddresses> {
        loop {
            let planner = PortPlanner { addresses: &self.addresses, subnets, device_owner: "compute:nova" };
            let plan = match planner.create(None, None, MacBase::DEFAULT, &mut self.random) {
                Ok(plan) => plan,
                Err(error) => {
                    assert!(matches!(error, IpamError::IpAddressGenerationFailure { .. }), "{error}");
                    return None;
                }
            };
            let owner = RowId::new(&format!("port-{id}")).unwrap();
            match store.commit(taking(&plan.claims, &owner)).await {
                Ok(_) => return Some(plan.addresses),
                Err(CommitError::Conflict) => {
                    self.conflicts += 1;
                    self.look(store).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn servers_that_do_not_hear_of_each_other_never_give_the_same() {
    let store = MemoryStore::new();
    let subnets = [subnet(1, "10.0.0.0/26"), subnet(2, "10.0.1.0/28")];
    let size = 61 + 13;
    let mut servers: Vec<Server> = (0..4).map(Server::new).collect();
    let mut given = BTreeSet::new();
    for id in 0..size {
        let server = &mut servers[id as usize % 4];
        let port = server.create(&store, &subnets, id).await.expect("there is one left");
        assert!(given.insert(port.fixed_ips[0].ip_address), "{port:?} was given twice");
    }
    assert!(servers.iter().any(|server| server.conflicts > 0), "they did meet");
    for server in &mut servers {
        server.look(&store).await;
        assert_eq!(server.create(&store, &subnets, size).await, None, "nothing is left");
    }
}
