use byway_base::UnixTime;
use byway_service_kit::Health;

use super::*;
use crate::{
    Bounds,
    network::{Mood, Network, secret},
    routes::Routes,
};

struct Scene {
    network: Network,
    setups: Setups<Network>,
    _directory: tempfile::TempDir,
}

impl Scene {
    /// Three routes, old enough to be audited.
    async fn with_routes() -> Self {
        let (network, directory) = (Network::row(3), tempfile::tempdir().unwrap());
        let routes = Routes::open(directory.path()).unwrap();
        let check = Health::new().check("journal");
        let setups = Setups::new(network.clone(), routes.clone(), Bounds::default(), check);
        for route in 1..=3 {
            let asked = network.asked(route);
            let listed = Route::new(&asked.request, asked.hops.clone(), UnixTime(100));
            network.tell(route, &setups.establish(asked).await);
            // The same as if it had been asked for long ago.
            routes.fail(listed.id);
            routes.begin(listed.clone()).unwrap();
            routes.installed(listed.id).await.unwrap();
        }
        Self { network, setups, _directory: directory }
    }

    fn listed(&self) -> Vec<u8> {
        let routes = self.setups.routes().installed_before(u64::MAX, None, 10);
        routes.iter().map(|route| route.id.as_bytes()[0]).collect()
    }
}

#[tokio::test]
async fn a_route_that_its_source_has_no_more_is_listed_no_more() {
    let scene = Scene::with_routes().await;
    scene.network.end(secret(1).public(), 2);
    // What happens elsewhere is news for the source first.
    scene.network.end(secret(3).public(), 3);
    assert_eq!(round(&scene.setups, None).await, None);
    assert_eq!(scene.listed(), [1, 3]);
    assert_eq!(scene.setups.stats().counts(), [3, 0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_destination_answers_for_a_source_that_is_silent() {
    let scene = Scene::with_routes().await;
    scene.network.end(secret(4).public(), 1);
    scene.network.set(Mood::Deaf(secret(1).public()));
    round(&scene.setups, None).await;
    assert_eq!(scene.listed(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn routes_of_which_nobody_says_anything_stay_listed() {
    let scene = Scene::with_routes().await;
    scene.network.set(Mood::AllDeaf);
    round(&scene.setups, None).await;
    assert_eq!(scene.listed(), [1, 2, 3]);
}

#[tokio::test]
async fn a_route_that_is_being_installed_or_just_was_is_left_alone() {
    let scene = Scene::with_routes().await;
    let asked = scene.network.asked(4);
    // Its source was not told yet, and so has no rule.
    scene.setups.establish(asked).await;
    round(&scene.setups, None).await;
    assert_eq!(scene.listed(), [1, 2, 3, 4]);
}
