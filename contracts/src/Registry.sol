// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The subscriber registry of one operator.
/// @notice Maps a phone number's hash to the identity key that its operator vouches for.
///
/// A subscriber claims a number with `addClient`; the operator checks the claim outside the chain and
/// approves exactly what it checked with `approveClient`; everybody reads the approved record, by call or
/// by Merkle proof. Neither numbers nor tokens appear here, only their hashes.
///
/// A number's first record is in force at once. What comes after it depends on who says so: the holder, with
/// the old key's signature, replaces the key at once; the operator alone replaces it only after
/// `REPLACEMENT_DELAY`, for everybody to see, and the holder can object meanwhile. Either can revoke at once,
/// for that takes a key away and puts none in its place.
///
/// Readers prove single storage slots, so the order and packing of everything below is part of the
/// published interface: README.md beside this folder describes it and a test pins it. Append, never reorder.
contract Registry {
    /// @notice What an entry is. `None` is an empty slot, so absence can be proven.
    enum Status {
        None,
        Pending,
        Approved,
        Revoked
    }

    /// @notice One subscriber, in three slots: a pending claim, a record and its successor look alike.
    /// @param keyX The x coordinate of the identity key on secp256k1.
    /// @param holder The wallet that claimed the number and may speak for the record.
    /// @param validSince When the record came into force (a claim: when it was made); Unix time.
    /// @param revision Counts the records of this number from 1, a revocation among them; 0 while pending.
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
    /// @param validSince When the record comes into force: now, or after the delay where it replaces another.
    event ClientApproved(
        bytes32 indexed numberHash,
        address indexed holder,
        bytes32 keyX,
        uint8 keyPrefix,
        uint32 revision,
        uint48 validSince,
        bytes32 recordHash
    );
    event ClientRotated(
        bytes32 indexed numberHash, address indexed holder, bytes32 keyX, uint8 keyPrefix, uint32 revision
    );
    event ClientRevoked(bytes32 indexed numberHash, address indexed by, uint32 revision);
    /// @notice An approved successor will not come into force.
    event SuccessorDropped(bytes32 indexed numberHash, address indexed by);

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
    /// @notice The number has no record that is in force.
    error NotInForce(bytes32 numberHash);
    /// @notice The caller is neither the record's holder nor the operator.
    error NotHolderNorOperator(address caller);
    /// @notice The caller is not the record's holder.
    error NotHolder(address caller);
    /// @notice The signature is not by the record's present key, or not over this change of it.
    error BadHolderSignature();
    /// @notice The record has this key already.
    error SameKey(bytes32 numberHash);
    /// @notice No successor waits for this number.
    error NoSuccessor(bytes32 numberHash);
    /// @notice Old and new operator keys may overlap for at most `MAX_OVERLAP`.
    error OverlapTooLong(uint256 asked);
    /// @notice The signature is not by the new account, or not over these keys.
    error BadOperatorSignature();

    /// @notice How long a key that the operator alone has replaced stays in force.
    uint256 public constant REPLACEMENT_DELAY = 48 hours;
    /// @notice How long the operator's old keys may go on beside its new ones.
    uint256 public constant MAX_OVERLAP = 30 days;

    /// @dev Opens every message that an identity key signs to claim a number; see `proofOfPossessionDigest`.
    bytes32 private constant PROOF_OF_POSSESSION = keccak256("callseal registry: proof of possession, version 1");
    /// @dev Opens what the present key signs to be replaced; see `rotationDigest`.
    bytes32 private constant ROTATION = keccak256("callseal registry: rotation, version 1");
    /// @dev Opens what the present key signs to be revoked; see `revocationDigest`.
    bytes32 private constant REVOCATION = keccak256("callseal registry: revocation, version 1");
    /// @dev Opens what an operator's new account signs to take over; see `operatorKeysDigest`.
    bytes32 private constant OPERATOR_KEYS = keccak256("callseal registry: operator keys, version 1");

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
    // Slot 8: number hash → the approved record that takes the present one's place once it is in force.
    mapping(bytes32 numberHash => Client) private _successors;
    // Slots 9 to 11: the keys before the present ones, and slot 12: until when they are good; Unix time.
    Operator private _previousOperator;
    uint48 private _previousOperatorUntil;

    /// @param account The only account that may approve.
    /// @param signingKey The uncompressed secp256k1 key that signs enrolment tokens: x then y, 64 octets.
    /// @param sealingKey The X25519 key that enrolment requests are sealed to, or zero.
    /// @dev The keys go to storage, not into the code: every registry has the same code hash.
    constructor(address account, bytes memory signingKey, bytes32 sealingKey) {
        _setOperator(account, signingKey, sealingKey, 1);
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

    /// @notice Approves a pending claim, if it still is the one that the operator checked. A number's first
    /// record is in force at once, any other only after `REPLACEMENT_DELAY`: until then the present record,
    /// or its revocation, stays as it is.
    /// @param numberHash The claimed number's hash.
    /// @param sender Who claimed it.
    /// @param expectedRecordHash The record hash of what was checked, see `ClientAdded`.
    function approveClient(bytes32 numberHash, address sender, bytes32 expectedRecordHash) external {
        _requireOperator();
        Client memory claim = _pending[numberHash][sender];
        if (claim.status != Status.Pending) revert NotPending(numberHash, sender);
        bytes32 pendingHash = _recordHash(numberHash, claim);
        if (pendingHash != expectedRecordHash) revert RecordMismatch(expectedRecordHash, pendingHash);

        _removeClaim(numberHash, sender);
        Client memory present = _settle(numberHash);
        claim.status = Status.Approved;
        claim.revision = present.revision + 1;
        if (present.status == Status.None) {
            claim.validSince = uint48(block.timestamp);
            _clients[numberHash] = claim;
            _approvedNumbers.push(numberHash);
        } else {
            claim.validSince = uint48(block.timestamp + REPLACEMENT_DELAY);
            _successors[numberHash] = claim;
        }
        emit ClientApproved(
            numberHash, sender, claim.keyX, claim.keyPrefix, claim.revision, claim.validSince, pendingHash
        );
    }

    /// @notice Replaces the key of a record at once, and drops a successor that waits.
    /// @param numberHash The number's hash; its record has to be in force and the caller its holder.
    /// @param key The new uncompressed identity key: x then y, 64 octets.
    /// @param holderSignature r, s, v (65 octets) by the present key over `rotationDigest`; low s.
    /// @param proofOfPossession r, s, v (65 octets) by the new key over `proofOfPossessionDigest`; low s.
    function rotateClient(
        bytes32 numberHash,
        bytes calldata key,
        bytes calldata holderSignature,
        bytes calldata proofOfPossession
    ) external {
        Client memory client = _settle(numberHash);
        if (client.status != Status.Approved) revert NotInForce(numberHash);
        if (msg.sender != client.holder) revert NotHolder(msg.sender);
        if (key.length != 64) revert BadKeyLength(key.length);
        (bytes32 x, bytes32 y) = abi.decode(key, (bytes32, bytes32));
        address signer = _addressOf(x, y);
        if (signer == msg.sender) revert IdentityIsWallet(msg.sender);
        _requireSignature(proofOfPossessionDigest(numberHash, msg.sender), proofOfPossession, signer);
        _requireHolderSignature(rotationDigest(numberHash, client.revision, x, y), holderSignature, client);
        uint8 prefix = _prefixOf(y);
        if (client.keyX == x && client.keyPrefix == prefix) revert SameKey(numberHash);

        client.keyX = x;
        client.keyPrefix = prefix;
        client.revision += 1;
        client.validSince = uint48(block.timestamp);
        _clients[numberHash] = client;
        _dropSuccessor(numberHash);
        emit ClientRotated(numberHash, client.holder, x, prefix, client.revision);
    }

    /// @notice Takes a record out of force at once, for good: by its holder.
    /// A successor that the operator has approved stays, and comes into force at its time.
    /// @param holderSignature r, s, v (65 octets) by the present key over `revocationDigest`; low s.
    function revokeClient(bytes32 numberHash, bytes calldata holderSignature) external {
        Client memory client = _settle(numberHash);
        if (client.status != Status.Approved) revert NotInForce(numberHash);
        if (msg.sender != client.holder) revert NotHolder(msg.sender);
        _requireHolderSignature(revocationDigest(numberHash, client.revision), holderSignature, client);
        _revoke(numberHash, client);
    }

    /// @notice Takes a record out of force at once, for good: by the operator.
    function revokeByOperator(bytes32 numberHash) external {
        _requireOperator();
        Client memory client = _settle(numberHash);
        if (client.status != Status.Approved) revert NotInForce(numberHash);
        _revoke(numberHash, client);
    }

    /// @notice Objects to a successor before it is in force: the record's holder, whose key is good; or takes
    /// the approval back: the operator.
    function dropSuccessor(bytes32 numberHash) external {
        Client memory client = _settle(numberHash);
        if (_successors[numberHash].status == Status.None) revert NoSuccessor(numberHash);
        bool byHolder = client.status == Status.Approved && msg.sender == client.holder;
        if (!byHolder && !_isOperator(msg.sender)) revert NotHolderNorOperator(msg.sender);
        _dropSuccessor(numberHash);
    }

    /// @notice Replaces the operator's keys. The old ones stay good for `overlap` seconds beside the new:
    /// tokens signed with them, requests sealed to them, approvals by the old account. Zero for keys that
    /// were stolen.
    /// @param account The new approving account; it may be the old one.
    /// @param signingKey The uncompressed secp256k1 key that signs enrolment tokens: x then y, 64 octets.
    /// @param sealingKey The X25519 key that enrolment requests are sealed to, or zero.
    /// @param accountSignature r, s, v (65 octets) by `account` over `operatorKeysDigest`, so that the registry
    /// cannot be handed to an address that nobody controls; low s.
    function rotateOperatorKeys(
        address account,
        bytes calldata signingKey,
        bytes32 sealingKey,
        uint256 overlap,
        bytes calldata accountSignature
    ) external {
        if (msg.sender != _operator.account) revert NotOperator(msg.sender);
        if (overlap > MAX_OVERLAP) revert OverlapTooLong(overlap);
        uint32 revision = _operator.revision + 1;
        bytes32 digest = operatorKeysDigest(account, signingKey, sealingKey, revision);
        if (!_isSignature(digest, accountSignature, account)) revert BadOperatorSignature();
        _previousOperator = _operator;
        _previousOperatorUntil = uint48(block.timestamp + overlap);
        _setOperator(account, signingKey, sealingKey, revision);
    }

    /// @notice Takes a pending claim back (its sender) or off the list (the operator).
    function dropClient(bytes32 numberHash, address sender) external {
        if (msg.sender != sender && !_isOperator(msg.sender)) revert NotSenderNorOperator(msg.sender);
        if (_pending[numberHash][sender].status != Status.Pending) revert NotPending(numberHash, sender);
        _removeClaim(numberHash, sender);
        emit ClientDropped(numberHash, sender);
    }

    /// @notice The record of a number as it stands now; `status` is `None` when there is none.
    function getClient(bytes32 numberHash) external view returns (Client memory) {
        return _isDue(numberHash) ? _successors[numberHash] : _clients[numberHash];
    }

    /// @notice The approved record that will take the present one's place; `status` is `None` when there is none.
    function getSuccessor(bytes32 numberHash) external view returns (Client memory successor) {
        return _isDue(numberHash) ? successor : _successors[numberHash];
    }

    /// @notice What `sender` claims for a number; `status` is `None` when it claims nothing.
    function getPending(bytes32 numberHash, address sender) external view returns (Client memory) {
        return _pending[numberHash][sender];
    }

    /// @notice The operator's keys.
    function getOperator() external view returns (Operator memory) {
        return _operator;
    }

    /// @notice The keys before the present ones, and until when they are good (Unix time; 0 when there are none).
    function getPreviousOperator() external view returns (Operator memory, uint48) {
        return (_previousOperator, _previousOperatorUntil);
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

    /// @notice What the present key signs to be replaced; `revision` is the present record's, so that it is said once.
    function rotationDigest(bytes32 numberHash, uint32 revision, bytes32 x, bytes32 y) public view returns (bytes32) {
        return keccak256(abi.encode(ROTATION, block.chainid, address(this), numberHash, revision, x, y));
    }

    /// @notice What the present key signs to be revoked; `revision` is the present record's.
    function revocationDigest(bytes32 numberHash, uint32 revision) public view returns (bytes32) {
        return keccak256(abi.encode(REVOCATION, block.chainid, address(this), numberHash, revision));
    }

    /// @notice What an operator's new account signs to take over; `revision` is that of the new keys.
    function operatorKeysDigest(address account, bytes memory signingKey, bytes32 sealingKey, uint32 revision)
        public
        view
        returns (bytes32)
    {
        bytes32 keyHash = keccak256(signingKey);
        return keccak256(
            abi.encode(OPERATOR_KEYS, block.chainid, address(this), account, keyHash, sealingKey, revision)
        );
    }

    /// @dev Puts the operator's keys in place.
    function _setOperator(address account, bytes memory signingKey, bytes32 sealingKey, uint32 revision) private {
        if (signingKey.length != 64) revert BadKeyLength(signingKey.length);
        (bytes32 x, bytes32 y) = abi.decode(signingKey, (bytes32, bytes32));
        if (!_isOnCurve(uint256(x), uint256(y))) revert KeyNotOnCurve();
        if (_addressOf(x, y) == account) revert IdentityIsWallet(account);
        uint8 prefix = _prefixOf(y);
        _operator = Operator({
            signingKeyX: x,
            account: account,
            validSince: uint48(block.timestamp),
            revision: revision,
            signingKeyPrefix: prefix,
            sealingKey: sealingKey
        });
        emit OperatorKeysSet(account, x, prefix, sealingKey, revision);
    }

    /// @dev The present account, or the one before it while the two overlap.
    function _isOperator(address caller) private view returns (bool) {
        if (caller == _operator.account) return true;
        return block.timestamp < _previousOperatorUntil && caller == _previousOperator.account;
    }

    function _requireOperator() private view {
        if (!_isOperator(msg.sender)) revert NotOperator(msg.sender);
    }

    /// @dev Whether a successor waits whose time has come.
    function _isDue(bytes32 numberHash) private view returns (bool) {
        Client storage successor = _successors[numberHash];
        return successor.status != Status.None && successor.validSince <= block.timestamp;
    }

    /// @dev The record as it stands now, with a due successor in its place.
    function _settle(bytes32 numberHash) private returns (Client memory) {
        if (_isDue(numberHash)) {
            _clients[numberHash] = _successors[numberHash];
            delete _successors[numberHash];
        }
        return _clients[numberHash];
    }

    /// @dev A revocation is a revision of its own, which a successor has to come after.
    function _revoke(bytes32 numberHash, Client memory client) private {
        client.status = Status.Revoked;
        client.revision += 1;
        client.validSince = uint48(block.timestamp);
        _clients[numberHash] = client;
        Client storage successor = _successors[numberHash];
        if (successor.status != Status.None) successor.revision = client.revision + 1;
        emit ClientRevoked(numberHash, msg.sender, client.revision);
    }

    function _dropSuccessor(bytes32 numberHash) private {
        if (_successors[numberHash].status == Status.None) return;
        delete _successors[numberHash];
        emit SuccessorDropped(numberHash, msg.sender);
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
        if (!_isSignature(digest, signature, signer)) revert BadProofOfPossession();
    }

    /// @dev A record keeps its key compressed; `ecrecover` gives an address, so y is computed again.
    function _requireHolderSignature(bytes32 digest, bytes calldata signature, Client memory client) private pure {
        bytes32 y = _yOf(client.keyX, client.keyPrefix);
        if (!_isSignature(digest, signature, _addressOf(client.keyX, y))) revert BadHolderSignature();
    }

    function _isSignature(bytes32 digest, bytes calldata signature, address signer) private pure returns (bool) {
        if (signature.length != 65) revert BadProofLength(signature.length);
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        uint8 v = uint8(signature[64]);
        // With -s and the other v every signature has a twin; only the low one is taken (EIP-2).
        if (uint256(s) > ORDER / 2) return false;
        // For a bad signature ecrecover answers zero, which is nobody's address.
        address recovered = ecrecover(digest, v, r, s);
        return recovered != address(0) && recovered == signer;
    }

    /// @dev The address that belongs to a public key.
    function _addressOf(bytes32 x, bytes32 y) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(x, y)))));
    }

    /// @dev SEC 1 section 2.3.4: the root of x³ + 7 with the parity that the prefix says. The field's order is
    /// 3 mod 4, so the root is a power; x came from a point, so there is one.
    function _yOf(bytes32 x, uint8 prefix) private pure returns (bytes32) {
        uint256 square = addmod(mulmod(mulmod(uint256(x), uint256(x), FIELD), uint256(x), FIELD), 7, FIELD);
        uint256 root = 1;
        for (uint256 exponent = (FIELD + 1) / 4; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) root = mulmod(root, square, FIELD);
            square = mulmod(square, square, FIELD);
        }
        return bytes32((root & 1) == (prefix & 1) ? root : FIELD - root);
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
