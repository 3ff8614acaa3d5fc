"""Every record that passes between stages or lies in a file; no input, no output, no logic."""

from mspctl.records.asset import Ambiguous, Asset, Identity, IdentityKind, Service, Value
from mspctl.records.base import Json, Record
from mspctl.records.client import (
    AuthenticationProtocol,
    Authorisation,
    ClientFile,
    Connection,
    Contact,
    Discovery,
    Exclusion,
    Network,
    OptIn,
    Override,
    OverridesFile,
    PrivacyProtocol,
    Site,
    SnmpAccess,
    SnmpUser,
)
from mspctl.records.evidence import ConsoleAnswer, Coverage, CoverageState, Proof
from mspctl.records.observation import Observation, ScanEnded, ScanRecord, ScanStarted
from mspctl.records.provider import Provider
from mspctl.records.run import (
    HostOutcome,
    HostStatus,
    RunEnded,
    RunRecord,
    RunStarted,
    TaskResult,
    WaveStarted,
)
from mspctl.records.workspace import Console, Rollout, WorkspaceFile

__all__ = [
    "Ambiguous",
    "Asset",
    "AuthenticationProtocol",
    "Authorisation",
    "ClientFile",
    "Connection",
    "Console",
    "ConsoleAnswer",
    "Contact",
    "Coverage",
    "CoverageState",
    "Discovery",
    "Exclusion",
    "HostOutcome",
    "HostStatus",
    "Identity",
    "IdentityKind",
    "Json",
    "Network",
    "Observation",
    "OptIn",
    "Override",
    "OverridesFile",
    "PrivacyProtocol",
    "Proof",
    "Provider",
    "Record",
    "Rollout",
    "RunEnded",
    "RunRecord",
    "RunStarted",
    "ScanEnded",
    "ScanRecord",
    "ScanStarted",
    "Service",
    "Site",
    "SnmpAccess",
    "SnmpUser",
    "TaskResult",
    "Value",
    "WaveStarted",
    "WorkspaceFile",
]
