//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::play;

#[cfg(feature = "http")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/json_rpc_response.rs"]
mod json_rpc_response;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/light_network.rs"]
mod light_network;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/light_objects.rs"]
mod light_objects;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/light_state.rs"]
mod light_state;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/operators_file.rs"]
mod operators_file;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/proof_walk.rs"]
mod proof_walk;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/staple.rs"]
mod staple;

#[test]
fn two_walkers_agree_on_mutated_proofs() {
    play("proof_walk", 400, proof_walk::proof_walk);
}

#[cfg(feature = "http")]
#[test]
fn mutated_responses_are_read_or_refused() {
    play(
        "json_rpc_response",
        1_000,
        json_rpc_response::json_rpc_response,
    );
}

#[cfg(feature = "json")]
#[test]
fn mutated_light_client_objects_are_read_or_refused_and_never_believed() {
    play("light_objects", 150, light_objects::light_objects);
}

#[cfg(feature = "json")]
#[test]
fn mutated_constants_of_a_network_are_taken_or_refused() {
    play("light_network", 300, light_network::light_network);
}

#[cfg(feature = "json")]
#[test]
fn every_seed_of_a_network_is_one() {
    use callseal_registry_client::light::{Network, json};

    for seed in callseal_testkit::seeds("light_network") {
        assert!(Network::new(json::network(&seed).unwrap()).is_ok());
    }
}

#[cfg(feature = "json")]
#[test]
fn mutated_files_of_operators_are_read_or_refused() {
    play("operators_file", 1_000, operators_file::operators_file);
}

#[test]
fn mutated_states_are_read_or_refused() {
    play("light_state", 500, light_state::light_state);
}

#[cfg(feature = "json")]
#[test]
fn mutated_staples_are_read_or_refused_and_the_honest_ones_alone_believed() {
    let seeds = callseal_testkit::seeds("staple");
    let believed = seeds.iter().filter(|seed| staple::staple(seed)).count();
    assert_eq!(believed, 2, "the seeds are those of another network");
    play("staple", 400, |data| {
        staple::staple(data);
    });
}
