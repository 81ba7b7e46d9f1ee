// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The subscriber registry of one operator.
/// @notice Maps a phone number's hash to the identity key that its operator vouches for.
///
/// A subscriber claims a number with `addClient`; the operator checks the claim outside the chain and
/// approves exactly what it checked with `approveClient`; everybody reads the approved record, by call or
/// by Merkle proof. Neither numbers nor tokens appear here, only their hashes.
///
/// Readers prove single storage slots, so the order and packing of everything below is part of the
/// published interface: README.md beside this folder describes it and a test pins it. Append, never reorder.
contract Registry {
    /// @notice What an entry is. `None` is an empty slot, so absence can be proven.
    enum Status {
        None,
        Pending,
        Approved
    }

    /// @notice One subscriber, in three slots: a pending claim and an approved record look alike.
    /// @param keyX The x coordinate of the identity key on secp256k1.
    /// @param holder The wallet that claimed the number and may speak for the record.
    /// @param validSince When the record came into force (a claim: when it was made); Unix time.
    /// @param revision Counts the approved records of this number from 1; 0 while pending.
    /// @param keyPrefix The SEC 1 prefix of the compressed key: 2 for an even y, 3 for an odd one.
    /// @param status What this entry is.
    /// @param tokenHash The hash of the enrolment token that the operator issued.
    struct Client {
        bytes32 keyX;
        address holder;
        uint48 validSince;
        uint32 revision;
        uint8 keyPrefix;
        Status status;
        bytes32 tokenHash;
    }

    /// @notice The operator's keys, in three slots.
    /// @param signingKeyX The x coordinate of the key that signs enrolment tokens (secp256k1).
    /// @param account The only account that may approve.
    /// @param validSince When these keys came into force; Unix time.
    /// @param revision Counts the operator's key sets from 1.
    /// @param signingKeyPrefix The SEC 1 prefix of the signing key.
    /// @param sealingKey The X25519 key that subscribers seal enrolment requests to; zero when there is none.
    struct Operator {
        bytes32 signingKeyX;
        address account;
        uint48 validSince;
        uint32 revision;
        uint8 signingKeyPrefix;
        bytes32 sealingKey;
    }

    /// @notice Names a pending claim.
    struct Claim {
        bytes32 numberHash;
        address sender;
    }

    event OperatorKeysSet(
        address indexed account,
        bytes32 signingKeyX,
        uint8 signingKeyPrefix,
        bytes32 sealingKey,
        uint32 revision
    );
    /// @param recordHash keccak256 of the ABI encoding of (numberHash, sender, keyX, keyPrefix, tokenHash).
    event ClientAdded(
        bytes32 indexed numberHash,
        address indexed sender,
        bytes32 keyX,
        uint8 keyPrefix,
        bytes32 tokenHash,
        bytes32 recordHash
    );
    event ClientDropped(bytes32 indexed numberHash, address indexed sender);
    event ClientApproved(
        bytes32 indexed numberHash,
        address indexed holder,
        bytes32 keyX,
        uint8 keyPrefix,
        uint32 revision,
        bytes32 recordHash
    );

    /// @notice The caller is not the operator.
    error NotOperator(address caller);
    /// @notice The caller is neither the claim's sender nor the operator.
    error NotSenderNorOperator(address caller);
    /// @notice An uncompressed key is 64 octets, x then y, without a prefix.
    error BadKeyLength(uint256 length);
    /// @notice The point is not on secp256k1.
    error KeyNotOnCurve();
    /// @notice A proof of possession is 65 octets: r, s, v.
    error BadProofLength(uint256 length);
    /// @notice The signature is not by the key, or not over this chain, contract, number and sender, or malleable.
    error BadProofOfPossession();
    /// @notice An identity key must not double as the wallet that sends the claim.
    error IdentityIsWallet(address wallet);
    /// @notice Nothing is pending for this number and sender.
    error NotPending(bytes32 numberHash, address sender);
    /// @notice What is pending is not what was checked.
    error RecordMismatch(bytes32 expected, bytes32 pending);
    /// @notice The number has an approved record, which no approval replaces.
    error AlreadyApproved(bytes32 numberHash);

    /// @dev Opens every message that an identity key signs to claim a number; see `proofOfPossessionDigest`.
    bytes32 private constant PROOF_OF_POSSESSION = keccak256("callseal registry: proof of possession, version 1");

    /// @dev The field and group order of secp256k1 (SEC 2 section 2.4.1).
    uint256 private constant FIELD = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F;
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    // Slots 0 to 2.
    Operator private _operator;
    // Slot 3: number hash → approved record.
    mapping(bytes32 numberHash => Client) private _clients;
    // Slot 4: number hash → sender → pending claim. A claim belongs to its sender: nobody can displace another's.
    mapping(bytes32 numberHash => mapping(address sender => Client)) private _pending;
    // Slot 5: every number ever approved, in order.
    bytes32[] private _approvedNumbers;
    // Slot 6: the pending claims, in no order.
    Claim[] private _claims;
    // Slot 7: number hash → sender → place in `_claims`, counted from 1.
    mapping(bytes32 numberHash => mapping(address sender => uint256)) private _claimPlace;

    /// @param account The only account that may approve.
    /// @param signingKey The uncompressed secp256k1 key that signs enrolment tokens: x then y, 64 octets.
    /// @param sealingKey The X25519 key that enrolment requests are sealed to, or zero.
    /// @dev The keys go to storage, not into the code: every registry has the same code hash.
    constructor(address account, bytes memory signingKey, bytes32 sealingKey) {
        if (signingKey.length != 64) revert BadKeyLength(signingKey.length);
        (bytes32 x, bytes32 y) = abi.decode(signingKey, (bytes32, bytes32));
        if (!_isOnCurve(uint256(x), uint256(y))) revert KeyNotOnCurve();
        if (_addressOf(x, y) == account) revert IdentityIsWallet(account);
        uint8 prefix = _prefixOf(y);
        _operator = Operator({
            signingKeyX: x,
            account: account,
            validSince: uint48(block.timestamp),
            revision: 1,
            signingKeyPrefix: prefix,
            sealingKey: sealingKey
        });
        emit OperatorKeysSet(account, x, prefix, sealingKey, 1);
    }

    /// @notice Claims a number for an identity key, to be approved by the operator.
    /// A sender's later claim of the same number replaces its earlier one. A number that is approved already
    /// can be claimed too; its record stays as it is.
    /// @param numberHash keccak256 of "tel:" and the E.164 number with its plus sign.
    /// @param key The uncompressed identity key: x then y, 64 octets.
    /// @param tokenHash The hash of the enrolment token.
    /// @param proofOfPossession r, s, v (65 octets) by the identity key over `proofOfPossessionDigest`; low s.
    function addClient(
        bytes32 numberHash,
        bytes calldata key,
        bytes32 tokenHash,
        bytes calldata proofOfPossession
    ) external {
        if (key.length != 64) revert BadKeyLength(key.length);
        (bytes32 x, bytes32 y) = abi.decode(key, (bytes32, bytes32));
        address signer = _addressOf(x, y);
        if (signer == msg.sender) revert IdentityIsWallet(msg.sender);
        _requireSignature(proofOfPossessionDigest(numberHash, msg.sender), proofOfPossession, signer);

        Client memory claim = Client({
            keyX: x,
            holder: msg.sender,
            validSince: uint48(block.timestamp),
            revision: 0,
            keyPrefix: _prefixOf(y),
            status: Status.Pending,
            tokenHash: tokenHash
        });
        _listClaim(numberHash, claim);
    }

    /// @notice Approves a pending claim, if it still is the one that the operator checked.
    /// @param numberHash The claimed number's hash.
    /// @param sender Who claimed it.
    /// @param expectedRecordHash The record hash of what was checked, see `ClientAdded`.
    function approveClient(bytes32 numberHash, address sender, bytes32 expectedRecordHash) external {
        if (msg.sender != _operator.account) revert NotOperator(msg.sender);
        Client memory claim = _pending[numberHash][sender];
        if (claim.status != Status.Pending) revert NotPending(numberHash, sender);
        bytes32 pendingHash = _recordHash(numberHash, claim);
        if (pendingHash != expectedRecordHash) revert RecordMismatch(expectedRecordHash, pendingHash);
        if (_clients[numberHash].status != Status.None) revert AlreadyApproved(numberHash);

        _removeClaim(numberHash, sender);
        claim.status = Status.Approved;
        claim.validSince = uint48(block.timestamp);
        claim.revision = 1;
        _clients[numberHash] = claim;
        _approvedNumbers.push(numberHash);
        emit ClientApproved(numberHash, sender, claim.keyX, claim.keyPrefix, 1, pendingHash);
    }

    /// @notice Takes a pending claim back (its sender) or off the list (the operator).
    function dropClient(bytes32 numberHash, address sender) external {
        if (msg.sender != sender && msg.sender != _operator.account) revert NotSenderNorOperator(msg.sender);
        if (_pending[numberHash][sender].status != Status.Pending) revert NotPending(numberHash, sender);
        _removeClaim(numberHash, sender);
        emit ClientDropped(numberHash, sender);
    }

    /// @notice The approved record of a number; `status` is `None` when there is none.
    function getClient(bytes32 numberHash) external view returns (Client memory) {
        return _clients[numberHash];
    }

    /// @notice What `sender` claims for a number; `status` is `None` when it claims nothing.
    function getPending(bytes32 numberHash, address sender) external view returns (Client memory) {
        return _pending[numberHash][sender];
    }

    /// @notice The operator's keys.
    function getOperator() external view returns (Operator memory) {
        return _operator;
    }

    /// @notice How many numbers have an approved record.
    function approvedCount() external view returns (uint256) {
        return _approvedNumbers.length;
    }

    /// @notice The hash of an approved number; `index` counts from 0 in the order of approval.
    function approvedAt(uint256 index) external view returns (bytes32) {
        return _approvedNumbers[index];
    }

    /// @notice How many claims are pending.
    function pendingCount() external view returns (uint256) {
        return _claims.length;
    }

    /// @notice A pending claim; `index` counts from 0, in no order, and moves when another claim is removed.
    function pendingAt(uint256 index) external view returns (Claim memory) {
        return _claims[index];
    }

    /// @notice What an identity key signs to claim a number for a wallet: bound to this chain and contract.
    function proofOfPossessionDigest(bytes32 numberHash, address sender) public view returns (bytes32) {
        return keccak256(abi.encode(PROOF_OF_POSSESSION, block.chainid, address(this), numberHash, sender));
    }

    /// @dev Stores a claim, in place of the same sender's earlier one if there is one.
    function _listClaim(bytes32 numberHash, Client memory claim) private {
        address sender = claim.holder;
        _pending[numberHash][sender] = claim;
        if (_claimPlace[numberHash][sender] == 0) {
            _claims.push(Claim(numberHash, sender));
            _claimPlace[numberHash][sender] = _claims.length;
        }
        emit ClientAdded(
            numberHash, sender, claim.keyX, claim.keyPrefix, claim.tokenHash, _recordHash(numberHash, claim)
        );
    }

    /// @dev Empties a claim and closes its gap in the list with the last one.
    function _removeClaim(bytes32 numberHash, address sender) private {
        delete _pending[numberHash][sender];
        uint256 place = _claimPlace[numberHash][sender];
        delete _claimPlace[numberHash][sender];
        uint256 last = _claims.length;
        if (place != last) {
            Claim memory moved = _claims[last - 1];
            _claims[place - 1] = moved;
            _claimPlace[moved.numberHash][moved.sender] = place;
        }
        _claims.pop();
    }

    /// @dev Names a claim's whole content, so that an approval can say exactly what it approves.
    function _recordHash(bytes32 numberHash, Client memory claim) private pure returns (bytes32) {
        return keccak256(abi.encode(numberHash, claim.holder, claim.keyX, claim.keyPrefix, claim.tokenHash));
    }

    /// @dev A signature by `signer` also proves that the point hashed to `signer` is on the curve.
    function _requireSignature(bytes32 digest, bytes calldata signature, address signer) private pure {
        if (signature.length != 65) revert BadProofLength(signature.length);
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        uint8 v = uint8(signature[64]);
        // With -s and the other v every signature has a twin; only the low one is taken (EIP-2).
        if (uint256(s) > ORDER / 2) revert BadProofOfPossession();
        // For a bad signature ecrecover answers zero, which is nobody's address.
        address recovered = ecrecover(digest, v, r, s);
        if (recovered == address(0) || recovered != signer) revert BadProofOfPossession();
    }

    /// @dev The address that belongs to a public key.
    function _addressOf(bytes32 x, bytes32 y) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(x, y)))));
    }

    /// @dev SEC 1 section 2.3.3.
    function _prefixOf(bytes32 y) private pure returns (uint8) {
        return uint8(2 + (uint256(y) & 1));
    }

    /// @dev y² = x³ + 7 over the field.
    function _isOnCurve(uint256 x, uint256 y) private pure returns (bool) {
        if (x >= FIELD || y >= FIELD) return false;
        return mulmod(y, y, FIELD) == addmod(mulmod(mulmod(x, x, FIELD), x, FIELD), 7, FIELD);
    }
}
