#!/usr/bin/env node
// Compiles src/Registry.sol into artifacts/Registry.json with the pinned solc.
//
//   npm ci && node build.mjs            writes the artifact
//   npm ci && node build.mjs --check    compares it with the committed one; exits 1 if they differ

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import solc from "solc";

const SOLC_VERSION = "0.8.37";
const SOURCE = "src/Registry.sol";
const ARTIFACT = "artifacts/Registry.json";

const SETTINGS = {
  // The oldest rules the registry has to run under; newer networks run the same code.
  evmVersion: "shanghai",
  optimizer: { enabled: true, runs: 200 },
  // Without a metadata trailer the code hash depends on the code alone, not on comments or paths.
  metadata: { appendCBOR: false, bytecodeHash: "none" },
};

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

function compile() {
  if (!solc.version().startsWith(`${SOLC_VERSION}+`)) {
    throw new Error(`solc is ${solc.version()}, wanted ${SOLC_VERSION}: run npm ci`);
  }
  const outputSelection = {
    "*": {
      Registry: [
        "abi",
        "storageLayout",
        "evm.bytecode.object",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences",
      ],
    },
  };
  const input = {
    language: "Solidity",
    sources: { [SOURCE]: { content: readFileSync(here(SOURCE), "utf8") } },
    settings: { ...SETTINGS, outputSelection },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  // A warning is as good as an error here: there is one contract and it is to be clean.
  const complaints = (output.errors ?? []).map((each) => each.formattedMessage);
  if (complaints.length > 0) {
    throw new Error(complaints.join("\n"));
  }
  const registry = output.contracts[SOURCE].Registry;
  const { bytecode, deployedBytecode } = registry.evm;
  if (Object.keys(deployedBytecode.immutableReferences ?? {}).length > 0) {
    throw new Error("the code has immutables: its hash would differ between deployments");
  }
  return {
    contractName: "Registry",
    sourceName: SOURCE,
    compiler: { version: solc.version(), settings: SETTINGS },
    abi: registry.abi,
    bytecode: `0x${bytecode.object}`,
    deployedBytecode: `0x${deployedBytecode.object}`,
    storageLayout: withoutNodeIds(registry.storageLayout),
  };
}

// solc names types and variables by the numbers of its syntax tree, which every edit moves.
function withoutNodeIds(layout) {
  const text = JSON.stringify(layout, (key, value) => (key === "astId" ? undefined : value));
  return JSON.parse(text.replaceAll(/\)\d+_storage/g, ")_storage").replaceAll(/(t_enum\(\w+\))\d+/g, "$1"));
}

try {
  const built = `${JSON.stringify(compile(), null, 2)}\n`;
  if (!process.argv.includes("--check")) {
    writeFileSync(here(ARTIFACT), built);
    console.log(`${ARTIFACT} written`);
  } else if (readFileSync(here(ARTIFACT), "utf8") === built) {
    console.log(`${ARTIFACT} is what ${SOURCE} compiles to`);
  } else {
    throw new Error(`${ARTIFACT} is not what ${SOURCE} compiles to: run node build.mjs and commit the result`);
  }
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
