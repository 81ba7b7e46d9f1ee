"""A WebRTC call to Janus' echo test: janus_echo.py PORT [SRTP-PROFILE]

Sends a tone, and listens until it has come back; asks for reports of both ends, which come by RTCP. Janus'
ICE leaves the loopback out: the packets go from an address of this machine to the same, and never leave it.
"""

import asyncio
import fractions
import json
import sys
import urllib.request

import av
import numpy
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc import rtcdtlstransport as dtls

RATE = 48_000
FRAME = RATE // 50
TONE_HZ = 1_000
# Ends what hangs; nothing that goes well takes as many seconds, on any machine.
PATIENCE = 300


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self.at = 0

    async def recv(self):
        await asyncio.sleep(0.02)
        times = (numpy.arange(FRAME) + self.at) / RATE
        samples = (8_000 * numpy.sin(2 * numpy.pi * TONE_HZ * times)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), layout="mono")
        frame.sample_rate = RATE
        frame.pts = self.at
        frame.time_base = fractions.Fraction(1, RATE)
        self.at += FRAME
        return frame


def pitch(frame):
    """The strongest frequency, and whether there is anything to hear."""
    samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(float)
    spectrum = numpy.abs(numpy.fft.rfft(samples))
    return spectrum.argmax() * frame.sample_rate / len(samples), numpy.abs(samples).max() > 1_000


class Janus:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/janus"
        self.path = ""

    async def request(self, **body):
        body["transaction"] = "echo"
        data = json.dumps(body).encode()
        return await asyncio.to_thread(self._fetch, self.url + self.path, data)

    async def event(self):
        """The next event that is more than a sign of life."""
        session = "/" + self.path.split("/")[1]
        while True:
            event = await asyncio.to_thread(self._fetch, self.url + session + "?maxev=1", None)
            if event["janus"] == "event":
                return event

    @staticmethod
    def _fetch(url, data):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, data), timeout=PATIENCE) as response:
            return json.load(response)


async def call(port, profile):
    if profile:
        # What is offered in DTLS: this alone.
        dtls.SRTP_PROFILES[:] = [p for p in dtls.SRTP_PROFILES if p.openssl_profile.decode() == profile]
        assert dtls.SRTP_PROFILES, f"aiortc has no {profile}"
    janus = Janus(port)
    janus.path = f"/{(await janus.request(janus='create'))['data']['id']}"
    attached = await janus.request(janus="attach", plugin="janus.plugin.echotest")
    janus.path += f"/{attached['data']['id']}"

    # Without a server that tells it its address.
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    heard = asyncio.get_running_loop().create_future()

    @pc.on("track")
    async def on_track(track):
        right = 0
        while not heard.done():
            hertz, is_loud = pitch(await track.recv())
            right = right + 1 if is_loud and abs(hertz - TONE_HZ) < 60 else 0
            if right == 50:
                heard.set_result(right)

    pc.addTrack(Tone())
    await pc.setLocalDescription(await pc.createOffer())
    offer = {"type": "offer", "sdp": pc.localDescription.sdp}
    await janus.request(janus="message", body={"audio": True}, jsep=offer)
    # All candidates are in the offer.
    await janus.request(janus="trickle", candidate={"completed": True})
    answer = (await janus.event())["jsep"]
    await pc.setRemoteDescription(RTCSessionDescription(**answer))
    right = await asyncio.wait_for(heard, PATIENCE)
    negotiated = pc.getSenders()[0].transport._ssl.get_selected_srtp_profile().decode()
    assert profile in ("", negotiated), negotiated

    # A report of each end that the other one has opened.
    for _ in range(5 * PATIENCE):
        kinds = {stat.type for stat in (await pc.getStats()).values()}
        if {"remote-inbound-rtp", "remote-outbound-rtp"} <= kinds:
            break
        await asyncio.sleep(0.2)
    else:
        raise SystemExit(f"no reports by RTCP: {kinds}")
    await pc.close()
    print(f"{negotiated}: {right} frames of the tone came back in a row, reports from Janus too")


asyncio.run(asyncio.wait_for(call(sys.argv[1], (sys.argv[2:] or [""])[0]), 2 * PATIENCE))
