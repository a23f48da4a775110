/* The camera: on after a click, off after the next one and when the page is hidden. */

/** Hands frames to `onFrame`, one after another, each when the one before is done. */
export class Camera {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.video = null;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop();
    });
  }

  get on() {
    return this.video !== null;
  }

  /** Ask the visitor for the camera and begin. Throws where there is none or the visitor says no. */
  async start() {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } },
    });
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    try {
      await video.play();
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
    this.video = video;
    this.follow(video);
  }

  stop() {
    const video = this.video;
    this.video = null;
    for (const track of video?.srcObject.getTracks() ?? []) track.stop();
  }

  async follow(video) {
    while (this.video === video) {
      try {
        await this.onFrame(video);
      } catch {
        this.stop(); // what went wrong was shown by whoever made the frame
      }
      await new Promise(requestAnimationFrame);
    }
  }
}
