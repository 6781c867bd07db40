//! What the front itself looks at in a recipe before it believes it. The unpacker has read what strangers wrote, and may
//! have become one of them.

use kakuri_image::talk::Limits;
use kakuri_image::{Digest, Platform, Recipe};
use kakuri_wire::fail::{Fail, Result, Stage};

/// `manifest`, `config`: the documents it was made of.
pub fn check(recipe: &Recipe, manifest: &[u8], config: &[u8], platform: &Platform) -> Result<()> {
    let wrong = |why: &str| {
        Err(Fail::new(Stage::Front, "the image is refused")
            .why(why)
            .hint("kakuri version tells whether all is one build"))
    };
    // Others' images are found by these.
    if !recipe.manifest.is_of(manifest) || !recipe.config.is_of(config) {
        return wrong("its manifest or configuration has another digest than was said");
    }
    if platform.suits(&recipe.platform).is_none() {
        return Err(Fail::new(Stage::Front, format!("the image is refused: it is for {}", recipe.platform))
            .why(format!("{platform} was asked for"))
            .hint(format!("--platform {} takes it", recipe.platform)));
    }
    if recipe.layers.len() > Limits::default().layers as usize {
        return wrong("it has more layers than the kernel can lay upon each other");
    }
    let mut below: Option<&Digest> = None;
    for layer in &recipe.layers {
        let chain = below.map_or_else(|| layer.diff_id.clone(), |below| below.chained(&layer.diff_id));
        if chain != layer.chain {
            return wrong("a layer of it would take the place of another one");
        }
        below = Some(&layer.chain);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakuri_image::{Algorithm, Layer, Packing, RunConfig};

    fn digest(of: &str) -> Digest {
        Digest::of(Algorithm::Sha256, of.as_bytes())
    }

    fn recipe() -> Recipe {
        let layer = |name: &str, below: Option<&Digest>| Layer {
            digest: digest(&format!("blob {name}")),
            size: 1,
            packing: Packing::Gzip,
            diff_id: digest(name),
            chain: below.map_or_else(|| digest(name), |below| below.chained(&digest(name))),
        };
        let first = layer("a", None);
        let second = layer("b", Some(&first.chain));
        Recipe {
            manifest: digest("manifest"),
            config: digest("config"),
            platform: Platform::host(),
            layers: vec![first, second],
            run: RunConfig::default(),
            created: None,
        }
    }

    #[test]
    fn only_what_names_its_own() {
        let good = |recipe: &Recipe| check(recipe, b"manifest", b"config", &Platform::host());
        assert_eq!(good(&recipe()), Ok(()));
        assert!(check(&recipe(), b"other", b"config", &Platform::host()).is_err());
        assert!(check(&recipe(), b"manifest", b"other", &Platform::host()).is_err());
        let mut stolen = recipe();
        stolen.layers[1].chain = digest("of another image");
        assert!(good(&stolen).is_err());
        let other = Recipe { platform: Platform::of("plan9", "amd64", None), ..recipe() };
        assert!(good(&other).expect_err("another system").to_string().contains("plan9/amd64"));
        let layer = recipe().layers[0].clone();
        assert!(good(&Recipe { layers: vec![layer; 600], ..recipe() }).is_err());
    }
}
