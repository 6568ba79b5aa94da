using System.Text.Json;
using Postern.Engines.Prefect;

namespace Postern.Tests.Engines.Prefect;

/// <summary>A run overrides its deployment by whatever it says of where and how to run, unless the deployment says the same.</summary>
public sealed class PrefectRunBodyTests
{
    private const string Deployment = """
        {"id":"x","job_variables":{"image":"a","env":{"B":"2","A":"1"}},"work_queue_name":"default","infrastructure_document_id":"aaaaaaaa-1111-4111-8111-111111111111","enforce_parameter_schema":false}
        """;

    [Theory]
    [InlineData("""{"parameters":{"x":1},"tags":["t"],"state":{"type":"SCHEDULED"}}""")]
    [InlineData("""{"job_variables":{}}""")]
    [InlineData("""{"job_variables":null,"work_queue_name":null}""")]
    [InlineData("""{"job_variables":{"env":{"A":"1","B":"2"},"image":"a"}}""")]
    [InlineData("""{"job_variables":{"image":"a","env":{"B":"2","A":"1"}},"work_queue_name":"default","enforce_parameter_schema":false,"state":{"type":"SCHEDULED"}}""")]
    [InlineData("""{"infrastructure_document_id":"AAAAAAAA11114111811111111111 1111"}""", true)]
    [InlineData("""{"infrastructure_document_id":"AAAAAAAA111141118111111111111111"}""")]
    [InlineData("""{"job_variables":{"image":"b"}}""", true)]
    [InlineData("""{"job_variables":{"image":"a"}}""", true)]
    [InlineData("""{"job_variables":{"image":"a","env":{"B":"2","A":"1"},"more":null}}""", true)]
    [InlineData("""{"work_queue_name":"fast"}""", true)]
    [InlineData("""{"work_queue_name":1}""", true)]
    [InlineData("""{"enforce_parameter_schema":0}""", true)]
    [InlineData("""{"work_pool_name":"default"}""", true)]
    [InlineData("""{"state":{"type":"RUNNING"}}""", true)]
    [InlineData("""{"state":{}}""", true)]
    public void Overrides_WhatTheDeploymentDoesntSay(string run, bool overrides = false)
    {
        Assert.Equal(overrides, PrefectRunBody.Overrides(Json(run), PrefectRunDefaults.Read(Json(Deployment))));
    }

    [Theory]
    [InlineData("""{"job_variables":{"image":"a"}}""")]
    [InlineData("""{"work_queue_name":"default"}""")]
    [InlineData("""{"enforce_parameter_schema":false}""")]
    [InlineData("""{"infrastructure_document_id":"aaaaaaaa-1111-4111-8111-111111111111"}""")]
    public void Overrides_OfADeploymentThatSaysNothing(string run)
    {
        Assert.True(PrefectRunBody.Overrides(Json(run), PrefectRunDefaults.Read(Json("{}"))));
        Assert.True(PrefectRunBody.Overrides(Json(run), null));
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
