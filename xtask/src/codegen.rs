//! Makes `proto/src/gen/` from the `.proto` files: messages, clients, servers and the descriptor set for reflection.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::workspace_root;

/// Where the contract is written, from the workspace root.
const PROTO_DIR: &str = "proto";
const GENERATED_DIR: &str = "proto/src/gen";

/// Writes the generated code, or with `check` compares it with what is committed.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = workspace_root();
    let fresh = root.join("target/codegen");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("clear {}", fresh.display()))?;
    }
    fs::create_dir_all(&fresh).with_context(|| format!("create {}", fresh.display()))?;
    generate(&root.join(PROTO_DIR), &fresh)?;

    let committed = root.join(GENERATED_DIR);
    if check { compare(&fresh, &committed) } else { replace(&fresh, &committed) }
}

fn generate(proto_dir: &Path, out_dir: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(proto_dir.join("landmark/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();

    let mut compiler = protox::Compiler::new([proto_dir])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    tonic_prost_build::configure()
        .out_dir(out_dir)
        .bytes(".")
        .codec_path("crate::codec::SmallBufferCodec")
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .compile_fds(compiler.file_descriptor_set())?;

    // Reflection needs no comments.
    let mut descriptors = protox::Compiler::new([proto_dir])?;
    descriptors.include_imports(true).include_source_info(false).open_files(&files)?;
    fs::write(out_dir.join("landmark.v1.descriptors"), descriptors.encode_file_descriptor_set())?;
    Ok(())
}

fn compare(fresh: &Path, committed: &Path) -> Result<()> {
    let (made, held) = (names(fresh)?, names(committed)?);
    if made != held {
        bail!("{}: holds {held:?}, should hold {made:?}; run cargo xtask codegen", committed.display());
    }
    for name in made {
        if fs::read(fresh.join(&name))? != fs::read(committed.join(&name))? {
            bail!("{} is stale; run cargo xtask codegen", committed.join(name).display());
        }
    }
    Ok(())
}

fn replace(fresh: &Path, committed: &Path) -> Result<()> {
    if committed.exists() {
        fs::remove_dir_all(committed)?;
    }
    fs::create_dir_all(committed)?;
    for name in names(fresh)? {
        fs::copy(fresh.join(&name), committed.join(&name))?;
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
